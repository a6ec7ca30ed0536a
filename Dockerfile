# The page of poetvae with its weights, for a CPU, and every other command:
#   docker build --tag poetvae .
#   docker run --rm --publish 7860:7860 poetvae
#   docker run --rm poetvae generate --form 7x4 --seed 1
# An index of CPU builds of torch as PIP_EXTRA_INDEX_URL (--build-arg) saves gigabytes of CUDA.
FROM python:3.11-slim

ARG PIP_EXTRA_INDEX_URL=""
RUN --mount=type=bind,target=/src,rw \
    pip install --no-cache-dir --constraint /src/constraints.txt "/src[demo]" \
    && useradd --create-home --uid 1000 poet

USER 1000
WORKDIR /home/poet
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD \
    ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/health', timeout=4)"]
ENTRYPOINT ["poetvae"]
CMD ["demo", "--host", "0.0.0.0", "--port", "7860"]
