# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,io,lib/io,api base,libsystemd libcurl libmicrohttpd gnutls openssl))
