/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Settings of a program, from where all of Troupe's have them: a file of NAME=VALUE lines, and over
 * it systemd credentials, a file each. */

#include "lib/base/macros.h"

typedef struct NameValueSource {
        const char *path;         /* a file that is not there is empty */
        const char *credentials;  /* directory ($CREDENTIALS_DIRECTORY); NULL: none */
        const char *prefix;       /* of a credential's name, before the setting's: "troupe." */
        const char *const *names; /* settings that may be credentials; NULL ends them */
        size_t bytes_max;         /* of each file */
        /* A setting, and where it stands; @value is NULL for a line that is no NAME=VALUE, and then
         * @name is all of it. Anything but 0 ends the reading. */
        int (*set)(void *userdata, const char *where, const char *name, const char *value);
        void *userdata;
} NameValueSource;

/**
 * name_value_load() - Read the file, then the credentials
 * @source: borrowed
 *
 * Empty lines and lines that begin with '#' say nothing; blanks around names and values do not
 * count.
 *
 * Return: 0; what set() returned; -EFBIG; another negative errno of reading; -ENOMEM.
 */
int name_value_load(const NameValueSource *source);
