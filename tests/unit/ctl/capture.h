/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What a verb that needs no bus prints. */

#include "ctl/verbs.h"
#include "tests/unit/model/packed.h"

static inline int verb_capture(VerbFunction *verb, const Options *options, char **words,
                               char **ret_text)
{
        int saved = dup(STDOUT_FILENO), fd = memfd_create("out", MFD_CLOEXEC), r;
        size_t n = 0;

        while (words[n])
                n++;
        fflush(stdout);
        dup2(fd, STDOUT_FILENO);
        r = verb(options, n, words);
        fflush(stdout);
        dup2(saved, STDOUT_FILENO);
        close(saved);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(file_read_fd(fd, MIB, ret_text, NULL), 0);
        close(fd);
        return r;
}
