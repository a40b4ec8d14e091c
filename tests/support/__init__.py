"""What the tests of several rooms share and users do not need.

``tests/`` is on pytest's ``pythonpath``. What a user can check an op, a layer or a library with
is `xpnet.testing`.
"""
