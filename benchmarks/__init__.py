"""Scripts that measure, and print a table.

`suite` is Glow's speed, first step and memory against the limit; `peers` compares other
implementations, `serving` loads the server and what it serves, `gpu` takes compiled programs to
where a GPU is. The scripts beside them ask one question each, which their first line says. All run
as modules, from the checkout: `python -m benchmarks.suite`.
"""
