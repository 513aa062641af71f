"""What the server answers beside pages: health, assets, downloads of a run's files. Runs outside any session; no streamlit here."""

import re
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import plotly
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from prune_core.history_table import history_csv
from prune_core.store import Run, Store, StoreError
from prune_core.store.lease import lease

HISTORY = "history.csv"
KINDS = ("masks", "scores", "weights")
WEEK = {"cache-control": "max-age=604800"}
MOMENT = {"cache-control": "no-cache"}


class Assets(StaticFiles):
    """Our own files: asked for anew at every visit, answered with "unchanged" while they are."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(MOMENT)
        return response


def routes(assets: Path, store: Callable[[], Store]) -> list[BaseRoute]:
    """All routes of ours. `store` opens the store, or raises StoreError in words."""
    return [
        Route("/healthz", health(store)),
        Route("/download/{rest:path}", download(store)),
        Route("/assets/plotly.min.js", plotly_library),
        Mount("/assets", Assets(directory=assets)),
    ]


def health(store: Callable[[], Store]) -> Callable[[Request], Awaitable[Response]]:
    """Whether this server can do its work: 200 if its store answers, 503 if not. No names, no paths, no secrets."""

    def look() -> dict[str, object]:
        here = store()
        running = len(here.runs(states=["running"]))
        return {"store": "ok", "supervisor": "here" if lease(here) else "none", "running": running, "queued": here.queue_length()}

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse({"status": "ok", **await run_in_threadpool(look)}, headers={"cache-control": "no-store"})
        except StoreError:
            return JSONResponse({"status": "failing", "store": "can't be read"}, status_code=503, headers={"cache-control": "no-store"})

    return answer


def download(store: Callable[[], Store]) -> Callable[[Request], Awaitable[Response]]:
    """A file of a run: /download/<run id>/<name>. Both are looked up in the store; nothing of the address becomes a path."""

    def find(rest: str) -> Response:
        run_id, _, name = rest.partition("/")
        here = store()
        try:
            run = here.run(run_id)
            if name == HISTORY:
                headers = {**MOMENT, "content-disposition": f'attachment; filename="{file_name(run, HISTORY)}"'}
                return Response(history_csv(here.history(run.id)), media_type="text/csv", headers=headers)
            if not any(file.name == name and file.kind in KINDS for file in here.files(run.id)):
                return missing("This run has no file of that name.")
            path = here.path(run.id, name)
            return FileResponse(path, media_type="application/octet-stream", filename=file_name(run, name), headers=MOMENT)
        except StoreError as error:
            return missing(str(error))

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(find, request.path_params["rest"])

    return answer


def missing(words: str) -> Response:
    return PlainTextResponse(words + "\n", status_code=404, headers={"cache-control": "no-store"})


def address(run: Run, name: str) -> str:
    """Where the browser finds a file of the run, relative to any page of ours."""
    return f"download/{run.id}/{name}"


def file_name(run: Run, name: str) -> str:
    """What the file is called once it is downloaded: the run in plain letters, then the file."""
    plain = re.sub("[^a-z0-9]+", "-", run.spec.title.lower().replace(" %", "")).strip("-")
    return f"{plain}-{name}"


@cache
def plotly_folder() -> StaticFiles:
    return StaticFiles(directory=Path(plotly.__file__).parent / "package_data")


async def plotly_library(request: Request) -> Response:
    """Plotly's own script, out of the installed package: no page asks another host for it."""
    response = await plotly_folder().get_response("plotly.min.js", request.scope)
    response.headers.update(WEEK)
    return response
