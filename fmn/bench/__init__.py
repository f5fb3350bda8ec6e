"""How fast fmn is, measured against something else in the same run."""
