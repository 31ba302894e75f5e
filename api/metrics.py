"""Counters of this process in the Prometheus text format, kept by hand: three kinds of numbers need no library."""

import threading
from collections import Counter
from collections.abc import Iterable

LOG_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds of the histogram of waits for the log, in seconds."""
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Requests by method, route and status, and how long they waited for the log. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets = [0] * (len(LOG_BUCKETS) + 1)
        self._log_sum = 0.0

    def count(self, method: str, route: str, status: int, log_seconds: float | None) -> None:
        """Count one answered request; ``route`` is a template, never an address somebody typed."""
        with self._lock:
            self._requests[method, route, status] += 1
            if log_seconds is not None:
                place = next((i for i, bound in enumerate(LOG_BUCKETS) if log_seconds <= bound), len(LOG_BUCKETS))
                self._buckets[place] += 1
                self._log_sum += log_seconds

    def lines(self) -> Iterable[str]:
        """The counters as lines of text."""
        with self._lock:
            requests, buckets, total = dict(self._requests), list(self._buckets), self._log_sum
        yield "# TYPE muniment_http_requests_total counter"
        for (method, route, status), count in sorted(requests.items()):
            yield f'muniment_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
        yield "# TYPE muniment_log_wait_seconds histogram"
        so_far = 0
        for bound, count in zip((*LOG_BUCKETS, "+Inf"), buckets, strict=True):
            so_far += count
            yield f'muniment_log_wait_seconds_bucket{{le="{bound}"}} {so_far}'
        yield f"muniment_log_wait_seconds_sum {total:.6f}"
        yield f"muniment_log_wait_seconds_count {so_far}"
