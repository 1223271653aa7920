/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/url.h"

#include "lib/base/str.h"

bool url_is_directory(const char *text, size_t max)
{
        static const char allowed[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                "._~:/@+,=-[]";
        const char *rest = str_after(text, "http://") ?: str_after(text, "https://");

        return rest && rest[0] && rest[0] != '/' && strlen(text) <= max &&
               rest[strspn(rest, allowed)] == '\0';
}
