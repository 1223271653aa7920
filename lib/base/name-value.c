/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Credentials are looked for by name, one file each: a directory may hold others' as well. */

#include "lib/base/name-value.h"

#include <fcntl.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

#define BLANKS " \t\r\n"

static char *trim(char *text)
{
        char *end;

        text += strspn(text, BLANKS);
        end = text + strlen(text);
        while (end > text && strchr(BLANKS, end[-1]))
                end--;
        *end = '\0';
        return text;
}

static int take_line(const NameValueSource *source, char *line)
{
        char *name = trim(line), *equals = strchr(name, '=');

        if (!name[0] || name[0] == '#')
                return 0;
        if (!equals)
                return source->set(source->userdata, source->path, name, NULL);
        *equals = '\0';
        return source->set(source->userdata, source->path, trim(name), trim(equals + 1));
}

static int load_file(const NameValueSource *source)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r;

        r = file_read(AT_FDCWD, source->path, source->bytes_max, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *line = strtok_r(text, "\n", &save); line && r == 0;
             line = strtok_r(NULL, "\n", &save))
                r = take_line(source, line);
        return r;
}

static int load_credential(const NameValueSource *source, const char *name)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        path = str_printf("%s/%s%s", source->credentials, source->prefix, name);
        if (!path)
                return -ENOMEM;
        r = file_read(AT_FDCWD, path, source->bytes_max, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return source->set(source->userdata, path, name, trim(text));
}

int name_value_load(const NameValueSource *source)
{
        int r = load_file(source);

        for (size_t i = 0; source->credentials && source->names[i] && r == 0; i++)
                r = load_credential(source, source->names[i]);
        return r;
}
