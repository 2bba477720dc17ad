"""What all tests share."""

from __future__ import annotations

import signal

# A shell's background job ignores SIGINT, and so would every process the tests start in order to interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
