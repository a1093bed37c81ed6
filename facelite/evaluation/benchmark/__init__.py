"""How fast and how large a bundle or an embedder is on this machine: each in processes of its own, all by turns.

``artefact`` and ``pictures`` say what is measured, ``rounds`` starts the processes and sums up; ``worker`` is such a process, and ``door`` what
it measures.
"""
