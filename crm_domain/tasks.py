"""Which task of a thread is running?

All tasks of an event loop share one thread, so a lock of that thread keeps none of them out. What
belongs to one of them, a batch or a transaction across an ``await``, is held by its `Holder`.

Known are the tasks of asyncio and of trio, and so those of anyio, which runs on either. They are
distinguished by identity: a context variable would be inherited by the tasks that a task starts. Threads are
distinguished too, and with them greenlets after gevent's ``patch_all``, which replaces the thread's
identity and locks. Other greenlets, and the tasks of other event loops, count as their thread.
"""

from __future__ import annotations

import sys
from threading import get_ident
from typing import Final

import attrs

_LOOPS: Final = (("asyncio", ("current_task",)), ("trio", ("lowlevel", "current_task")))
"""The modules of event loops, and where each has the function that returns the running task."""


class BatchOfAnotherTask(RuntimeError):  # noqa: N818 - a state that passes; what to do is to try again
    """Raised when another task of the same thread has a batch or a transaction open; nothing has changed."""


def running_task() -> object | None:
    """Return the running task of an event loop in this thread; None outside of all tasks.

    A loop that runs has been imported, so none is imported for the question.
    """
    for module, path in _LOOPS:
        found: object = sys.modules.get(module)
        for name in path:
            found = getattr(found, name, None)
        if callable(found):
            try:
                task: object = found()
            except RuntimeError:  # no loop of this kind runs in this thread
                continue
            if task is not None:
                return task
    return None


@attrs.frozen(eq=False)
class Holder:
    """The thread and the task that something belongs to: those that are running when it is made.

    Attributes:
        thread: The thread's identity.
        task: The task; None if the thread runs none.
    """

    thread: int = attrs.field(factory=get_ident)
    task: object | None = attrs.field(factory=running_task)

    @property
    def is_of_this_thread(self) -> bool:
        """Whether the running thread is the holder's."""
        return self.thread == get_ident()

    def refuse_other_tasks(self, what: str) -> None:
        """Let only the holder pass; other threads do, because they wait at a lock.

        Args:
            what: What is held, such as ``"a batch"``.

        Raises:
            BatchOfAnotherTask: Another task of the holder's thread is running.
        """
        if self.is_of_this_thread and running_task() is not self.task:
            raise BatchOfAnotherTask(
                f"{what} is open in another task of this thread, which cannot wait for it without blocking the event "
                f"loop: try again when it is over, or end it before the first await. A task that was started inside of "
                "it, as gather, create_task and (on Python 3.11) wait_for do, is another task."
            )
