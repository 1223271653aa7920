/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The same seed with clocks that are set and with clocks that only seem to be: whatever is written
 * down of both runs has to be the same. The acts draw nothing from the world's chance, so there is
 * no other difference between the two. */

#include "tests/sim/clocks.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "tests/sim/trial.h"

static char *tell(const Options *options)
{
        size_t n, size;
        char *text = NULL;
        FILE *log = open_memstream(&text, &size);
        Act *acts = acts_make(options, &n);

        if (!log)
                abort();
        trial_run(options, acts, n, log);
        fclose(log);
        free(acts);
        return text;
}

bool clocks_decide_nothing(const Options *options)
{
        Options still = *options;
        _cleanup_free_ char *set = tell(options);
        _cleanup_free_ char *stays = NULL;

        still.still = true;
        stays = tell(&still);
        return strstr(set, "its clock is set") && str_equal(set, stays);
}
