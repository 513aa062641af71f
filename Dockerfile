# Espalier's dashboard in a container: not root, state in /data, listening on 8501.
#
#   docker build -t espalier .                                     # CPU
#   docker build -t espalier --build-arg TORCH_BUILD=cu130 .       # CUDA 13
#   docker run --rm -p 127.0.0.1:8501:8501 -v espalier:/data -e ESPALIER_OPEN=yes espalier
#
# Published to localhost only. For other machines set ESPALIER_PASSWORD instead of ESPALIER_OPEN, or put a proxy that knows its users in front.
FROM python:3.11-slim

ARG TORCH_BUILD=cpu
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements.txt .
RUN pip install --index-url "https://download.pytorch.org/whl/${TORCH_BUILD}" torch==2.13.0 torchvision==0.28.0 \
    && pip install -r requirements.txt

COPY app.py LICENSE ./
COPY .streamlit .streamlit
COPY assets assets
COPY pages pages
COPY prune_core prune_core

RUN useradd --create-home --uid 1000 espalier && mkdir /data && chown espalier /data
USER 1000
ENV ESPALIER_HOME=/data
VOLUME /data
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
CMD ["streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "8501", "--server.headless", "true"]
