/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One function for each type of value, in a table. Each returns 0 or fills in why not. */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "model/value.h"
#include "model/xpath.h"

#define PATH_BYTES_MAX    1024U
#define PATH_PARTS_MAX    64U
#define COMMAND_BYTES_MAX 8192U
#define SHOWN_MAX         128 /* of a value in a message */

static void _printf_(4, 5) find(Finding *finding, Verdict verdict, bool broken, const char *format,
                                ...)
{
        va_list args;

        finding->verdict = verdict;
        finding->broken = broken;
        va_start(args, format);
        vsnprintf(finding->reason, sizeof(finding->reason), format, args);
        va_end(args);
}

#define BROKEN(...)  find(finding, VERDICT_REFUSED, true, __VA_ARGS__)
#define REFUSED(...) find(finding, VERDICT_REFUSED, false, __VA_ARGS__)

/* ---- parsing */

static const char *trim(const char *text, size_t *ret_length)
{
        size_t length;

        text += strspn(text, " \t\r\n");
        length = strlen(text);
        while (length > 0 && strchr(" \t\r\n", text[length - 1]))
                length--;
        *ret_length = length;
        return text;
}

int value_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
        bool negative = false;
        int64_t value = 0;
        size_t length;

        text = trim(text, &length);
        if (length > 0 && (*text == '-' || *text == '+')) {
                negative = *text == '-';
                text++;
                length--;
        }
        if (length == 0)
                return -EINVAL;
        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return -EINVAL;
                if (value < INT64_MAX / 10 - 1)
                        value = value * 10 + (text[i] - '0');
        }
        value = negative ? -value : value;
        if (value < min || value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

int value_word(const SchemaWord *words, const char *text)
{
        size_t length;

        text = trim(text, &length);
        for (int i = 0; words[i].value; i++)
                if (strlen(words[i].value) == length &&
                    strncasecmp(words[i].value, text, length) == 0)
                        return i;
        return -1;
}

int value_subnet(const char *text, uint32_t *ret_address, uint8_t *ret_prefix)
{
        const char *slash = strchr(text, '/');
        uint64_t prefix = 32;
        char address[INET_ADDRSTRLEN];
        size_t length = slash ? (size_t) (slash - text) : strlen(text);
        struct in_addr in;

        if (length >= sizeof(address))
                return -EINVAL;
        memcpy(address, text, length);
        address[length] = 0;
        if (inet_pton(AF_INET, address, &in) != 1)
                return -EINVAL;
        if (slash && str_to_u64(slash + 1, 32, &prefix) < 0)
                return -EINVAL;
        *ret_address = in.s_addr & (prefix == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix)));
        *ret_prefix = (uint8_t) prefix;
        return 0;
}

static bool path_absolute(const char *text)
{
        return text[0] == '/' || text[0] == '\\' ||
               (isalpha((unsigned char) text[0]) && text[1] == ':');
}

int value_path(const char *text, char **ret)
{
        _cleanup_free_ char *copy = strdup(text);
        char *parts[PATH_PARTS_MAX], *save = NULL;
        StrBuffer path = {};
        size_t n = 0;

        if (!copy)
                return -ENOMEM;
        if (path_absolute(text))
                return -EINVAL;
        for (char *part = strtok_r(copy, "/\\", &save); part; part = strtok_r(NULL, "/\\", &save)) {
                if (str_equal(part, "."))
                        continue;
                if (str_equal(part, "..") && n > 0 && !str_equal(parts[n - 1], "..")) {
                        n--;
                        continue;
                }
                if (n == PATH_PARTS_MAX)
                        return -EINVAL;
                parts[n++] = part;
        }
        for (size_t i = 0; i < n; i++)
                str_buffer_addf(&path, "%s%s", i > 0 ? "/" : "", parts[i]);
        if (n == 0)
                str_buffer_add(&path, ".");
        return str_buffer_take(&path, ret);
}

void value_program(const char *command, char *program, size_t size)
{
        size_t length;

        command += strspn(command, " \t\r\n");
        if (*command == '"' || *command == '\'') {
                char quote[2] = {*command, 0};

                command++;
                length = strcspn(command, quote);
        } else {
                length = strcspn(command, " \t\r\n;&|<>");
        }
        snprintf(program, size, "%.*s", (int) MIN(length, size - 1), command);
}

/* ---- checking */

static void check_text(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        size_t length = strlen(value);

        if (length < (size_t) attribute->min)
                BROKEN("must not be empty");
        else if (length > (size_t) attribute->max)
                BROKEN("must be at most %lld bytes, is %zu", (long long) attribute->max, length);
}

/* Azure allows more; here names become parts of file names, host names and keys. */
static void check_name(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        if (value[0] == 0)
                return BROKEN("must not be empty");
        if (!str_is_name(value, MODEL_NAME_MAX))
                REFUSED("a name here is 1 to %u letters, digits, '-', '_' or '.', the first not "
                        "'-' or '.': rename it",
                        MODEL_NAME_MAX);
}

static void check_number(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        int64_t number;

        if (value_number(value, attribute->min, attribute->max, &number) < 0)
                BROKEN("must be a number from %lld to %lld, is \"%.*s\"",
                       (long long) attribute->min, (long long) attribute->max, SHOWN_MAX, value);
}

static void check_port_or_star(const SchemaAttribute *attribute, const char *value,
                               Finding *finding)
{
        int64_t number;

        if (!str_equal(value, "*") && value_number(value, 1, 65535, &number) < 0)
                BROKEN("must be a port from 1 to 65535, or \"*\", is \"%.*s\"", SHOWN_MAX, value);
}

static void check_boolean(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        bool boolean;

        if (str_to_bool(value, &boolean) < 0)
                BROKEN("must be true or false, is \"%.*s\"", SHOWN_MAX, value);
}

static void words_list(const SchemaWord *words, char *text, size_t size)
{
        size_t used = 0;

        text[0] = 0;
        for (size_t i = 0; words[i].value && used < size; i++)
                used += (size_t) snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "",
                                          words[i].value);
}

static void check_word(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        int index = value_word(attribute->words, value);
        char list[512];

        if (index >= 0) {
                const SchemaWord *word = &attribute->words[index];

                if (word->reason)
                        find(finding, word->verdict, false, "%s", word->reason);
        } else if (!attribute->open) {
                words_list(attribute->words, list, sizeof(list));
                BROKEN("must be one of %s, is \"%.*s\"", list, SHOWN_MAX, value);
        }
}

static bool ends_with_any(const char *text, const char *const *endings)
{
        for (; *endings; endings++) {
                size_t length = strlen(text), ending = strlen(*endings);

                if (length >= ending && strcasecmp(text + length - ending, *endings) == 0)
                        return true;
        }
        return false;
}

static void check_command(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        static const char *const windows[] = {".cmd", ".bat", ".exe", ".ps1", ".psm1",
                                              ".msi", ".vbs", ".com", ".wsf", NULL};
        static const char *const shells[] = {"cmd", "powershell", "pwsh.exe", "msiexec", "cscript",
                                             "reg", "netsh",      "dism",     "icacls",  NULL};
        char program[512];

        if (strlen(value) > COMMAND_BYTES_MAX)
                return BROKEN("must be at most %u bytes", COMMAND_BYTES_MAX);
        value_program(value, program, sizeof(program));
        if (program[0] == 0)
                return BROKEN("must not be empty");
        if (ends_with_any(program, windows))
                return REFUSED("%.*s runs on Windows only: write a Linux command, or add "
                               "troupe:commandLine with one",
                               SHOWN_MAX, program);
        for (const char *const *shell = shells; *shell; shell++)
                if (strcasecmp(program, *shell) == 0)
                        return REFUSED("%s is a Windows command: write a Linux command, or add "
                                       "troupe:commandLine with one",
                                       *shell);
        if (strchr(program, '\\'))
                return REFUSED("%.*s is a Windows path: write '/' between directories", SHOWN_MAX,
                               program);
        if (strchr(program, '%'))
                return REFUSED("%.*s names a variable as Windows does: write $NAME", SHOWN_MAX,
                               program);
}

static void check_path(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        _cleanup_free_ char *path = NULL;

        if (value[0] == 0 || strlen(value) > PATH_BYTES_MAX)
                return BROKEN("must be 1 to %u bytes", PATH_BYTES_MAX);
        if (strstr(value, "$(") || strchr(value, '%'))
                REFUSED("%.*s names a variable of the build, which is not known here: write the "
                        "directory, relative to the definition",
                        SHOWN_MAX, value);
        else if (path_absolute(value))
                REFUSED("must be a directory relative to the definition: it is packed from there");
        else if (value_path(value, &path) == -EINVAL)
                BROKEN("must have at most %u parts", PATH_PARTS_MAX);
}

static void check_destination(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        _cleanup_free_ char *path = NULL;
        int r;

        if (value[0] == 0 || strlen(value) > PATH_BYTES_MAX)
                return BROKEN("must be 1 to %u bytes", PATH_BYTES_MAX);
        if (value[0] == '/' && value[1] != 0) /* as some write the names of virtual applications */
                value++;
        r = value_path(value, &path);
        if (r == -EINVAL || (r == 0 && (str_equal(path, "..") || str_after(path, "../"))))
                BROKEN("must be a path below the role's own directory");
        else if (r == 0 && path[strcspn(path, "\"'`$;{}#*?<>|&!\n\r\t")] != 0)
                BROKEN("must not have quotes, blanks other than spaces, or any of ` $ ; { } # * ? "
                       "< > | & !");
}

static void check_url_path(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        size_t length = strlen(value);

        if (length == 0 || length > PATH_BYTES_MAX)
                return BROKEN("must be 1 to %u bytes", PATH_BYTES_MAX);
        for (size_t i = 0; i < length; i++)
                if (value[i] <= ' ' || value[i] > '~')
                        return BROKEN("must be a URL path without blanks: write %%20 for a space");
}

static void check_host(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        size_t length = strlen(value);

        if (length > 253)
                return BROKEN("must be at most 253 bytes");
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char) value[i]) && !strchr("-._", value[i]) &&
                    !(i == 0 && value[i] == '*'))
                        return BROKEN("must be a host name: letters, digits, '-' and '.'");
}

static void check_variable(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        size_t length = strlen(value);

        if (length == 0 || length > 256)
                return BROKEN("must be 1 to 256 bytes");
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char) value[i]) && value[i] != '_')
                        return REFUSED("an environment variable here has letters, digits and '_' "
                                       "only: rename it");
        if (isdigit((unsigned char) value[0]))
                REFUSED("an environment variable here cannot begin with a digit: rename it");
        else if (strncasecmp(value, "TROUPE_", 7) == 0)
                REFUSED("names that begin with TROUPE_ are the platform's own: rename it");
}

static void check_xpath(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        XPath xpath;

        if (xpath_parse(value, &xpath) != 0)
                REFUSED("not a value that an instance has: write one of the paths of the published "
                        "list, such as "
                        "/RoleEnvironment/Deployment/@id or "
                        "/RoleEnvironment/CurrentInstance/Endpoints/Endpoint[@name='...']/@port");
}

static void check_subnet(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        uint32_t address;
        uint8_t prefix;

        if (value_subnet(value, &address, &prefix) < 0)
                BROKEN("must be an IPv4 network such as 203.0.113.0/24, is \"%.*s\"", SHOWN_MAX,
                       value);
}

static void check_address(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        struct in_addr address;

        if (inet_pton(AF_INET, value, &address) != 1)
                BROKEN("must be an IPv4 address, is \"%.*s\"", SHOWN_MAX, value);
}

static void check_thumbprint(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        size_t digits = strspn(value, "0123456789abcdefABCDEF");

        if (value[digits] != 0 || (digits != 40 && digits != 64))
                REFUSED("not a thumbprint: write the certificate's SHA-1 (40) or SHA-256 (64 "
                        "hexadecimal digits) "
                        "without blanks");
}

static void check_version(const SchemaAttribute *attribute, const char *value, Finding *finding)
{
        if (str_equal(value, "*") || value[0] == 0)
                return;
        if (strncasecmp(value, "WA-GUEST-OS", 11) == 0)
                find(finding, VERDICT_IGNORED, false,
                     "a version of the Windows guest OS; roles run on the newest of their family, "
                     "which "
                     "troupe:osVersion can change");
        else if (!str_is_name(value, MODEL_NAME_MAX))
                BROKEN("must be \"*\" or the name of a version");
}

void value_check(const SchemaAttribute *attribute, const char *value, Finding *ret)
{
        static void (*const checks[])(const SchemaAttribute *, const char *, Finding *) = {
                [SCHEMA_TEXT] = check_text,
                [SCHEMA_NAME] = check_name,
                [SCHEMA_NUMBER] = check_number,
                [SCHEMA_PORT_OR_STAR] = check_port_or_star,
                [SCHEMA_BOOLEAN] = check_boolean,
                [SCHEMA_WORD] = check_word,
                [SCHEMA_COMMAND] = check_command,
                [SCHEMA_PATH] = check_path,
                [SCHEMA_DESTINATION] = check_destination,
                [SCHEMA_URL_PATH] = check_url_path,
                [SCHEMA_HOST] = check_host,
                [SCHEMA_VARIABLE] = check_variable,
                [SCHEMA_XPATH] = check_xpath,
                [SCHEMA_SUBNET] = check_subnet,
                [SCHEMA_ADDRESS] = check_address,
                [SCHEMA_THUMBPRINT] = check_thumbprint,
                [SCHEMA_VERSION] = check_version,
        };

        find(ret, attribute->verdict, false, "%s", attribute->reason);
        checks[attribute->type](attribute, value, ret);
}
