# One image for every process: docker run fmn worker
FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel

FROM python:3.13-slim
COPY --from=build /src/dist/*.whl /src/constraints.txt /tmp/
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt "$(ls /tmp/*.whl)[postgres,schemas,senders]" \
 && rm /tmp/*.whl /tmp/constraints.txt \
 && useradd --system --create-home fmn
USER fmn
WORKDIR /home/fmn
ENTRYPOINT ["fmn"]
CMD ["--help"]
