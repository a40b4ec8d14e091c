"""What the tests of several rooms share and users have no need of.

``tests/`` is on pytest's ``pythonpath``. What a user can check an op, a layer or a library with
is `xpnet.testing`.
"""
