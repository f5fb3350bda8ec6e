"""fmn turns a message bus into notifications people want."""
