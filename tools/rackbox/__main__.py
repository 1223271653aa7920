# SPDX-License-Identifier: GPL-3.0-or-later
import sys

from rackbox.cli import main

sys.exit(main(sys.argv[1:]))
