/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Every line is looked at, whatever it names: a list with one line that is no line is not believed
 * at all. A name of more than RECORD_VERSION_MAX characters, or with a slash, is nobody's version.
 */

#include "hostd/os-sums.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fabric/guest-os.h"
#include "lib/base/str.h"

typedef struct Pick {
        const char *wanted;
        OsSums best;
        bool found;
        char *message;
} Pick;

_printf_(3, 4) static int refuse(char *message, int r, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(message, OS_SUMS_MESSAGE_MAX, format, args);
        va_end(args);
        return r;
}

/* FAMILY_VERSION out of a manifest's name; false when it is something else's. A family has no '_'.
 */
static bool parse_name(const char *name, OsSums *sums)
{
        const char *family = str_after(name, OS_SUMS_PREFIX);
        const char *version = family ? strchr(family, '_') : NULL;
        size_t family_length, length;

        if (!version || !str_ends_with(version, OS_SUMS_MANIFEST))
                return false;
        family_length = (size_t) (version - family);
        length = strlen(++version) - strlen(OS_SUMS_MANIFEST);
        if (family_length > RECORD_VERSION_MAX || length > RECORD_VERSION_MAX)
                return false;
        snprintf(sums->family, sizeof(sums->family), "%.*s", (int) family_length, family);
        snprintf(sums->version, sizeof(sums->version), "%.*s", (int) length, version);
        return str_is_name(sums->family, RECORD_VERSION_MAX) &&
               str_is_name(sums->version, RECORD_VERSION_MAX);
}

static bool is_wanted(const char *wanted, const OsSums *sums)
{
        const char *rest = str_after(wanted, sums->family);

        return wanted[0] == '\0' || (rest && rest[0] == '/' && str_equal(rest + 1, sums->version));
}

/* A version that is listed: kept when it is the one. */
static int consider(Pick *pick, const OsSums *sums)
{
        int order;

        if (!is_wanted(pick->wanted, sums))
                return 0;
        if (!pick->found) {
                pick->best = *sums;
                pick->found = true;
                return 0;
        }
        if (!str_equal(pick->best.family, sums->family))
                return refuse(pick->message, OS_SUMS_NONE,
                              "SHA256SUMS: offers families %s and %s: say which, as "
                              "FAMILY/VERSION",
                              pick->best.family, sums->family);
        order = guest_os_compare(pick->best.version, sums->version);
        if (order == 0 && !str_equal(pick->best.manifest, sums->manifest))
                return refuse(pick->message, OS_SUMS_BAD,
                              "SHA256SUMS: names version %s twice, with two digests",
                              sums->version);
        if (order < 0)
                pick->best = *sums;
        return 0;
}

/* `DIGEST  NAME`, or `DIGEST *NAME` */
static int read_line(Pick *pick, const char *line, unsigned number)
{
        uint8_t bytes[RECORD_DIGEST_MAX / 2];
        OsSums sums = {};
        const char *name;

        if (strspn(line, "0123456789abcdef") != RECORD_DIGEST_MAX ||
            line[RECORD_DIGEST_MAX] != ' ' || !strchr(" *", line[RECORD_DIGEST_MAX + 1]))
                return refuse(pick->message, OS_SUMS_BAD,
                              "SHA256SUMS: line %u is not a digest and a name", number);
        name = line + RECORD_DIGEST_MAX + 2;
        memcpy(sums.manifest, line, RECORD_DIGEST_MAX);
        if (str_unhex(sums.manifest, bytes, sizeof(bytes)) < 0 || name[0] == '\0')
                return refuse(pick->message, OS_SUMS_BAD,
                              "SHA256SUMS: line %u is not a digest and a name", number);
        return parse_name(name, &sums) ? consider(pick, &sums) : 0;
}

int os_sums_pick(const char *text, size_t length, const char *wanted, OsSums *ret_sums,
                 char ret_message[static OS_SUMS_MESSAGE_MAX])
{
        Pick pick = {.wanted = wanted, .message = ret_message};
        char line[RECORD_DIGEST_MAX + 2 + OS_SUMS_NAME_MAX + 1];
        unsigned number = 0;

        while (length > 0) {
                const char *end = memchr(text, '\n', length);
                size_t n = end ? (size_t) (end - text) : length;
                int r;

                number++;
                if (n >= sizeof(line) || memchr(text, '\0', n))
                        return refuse(ret_message, OS_SUMS_BAD,
                                      "SHA256SUMS: line %u is too long, or no text", number);
                memcpy(line, text, n);
                line[n] = '\0';
                r = read_line(&pick, line, number);
                if (r != 0)
                        return r;
                n += !!end;
                text += n;
                length -= n;
        }
        if (!pick.found)
                return refuse(ret_message, OS_SUMS_NONE, "SHA256SUMS: lists no guest OS %s%s",
                              wanted[0] ? wanted : "(" OS_SUMS_PREFIX "FAMILY_VERSION",
                              wanted[0] ? "" : OS_SUMS_MANIFEST ")");
        *ret_sums = pick.best;
        return 0;
}
