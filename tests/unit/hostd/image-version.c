/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/image-version.h"

#include <string.h>

#include "tests/unit/test.h"

static void expect(const char *text, const char *version)
{
        RecordName found;

        image_version_parse(text, found);
        assert_string_equal(found, version);
}

static void the_version_is_found(void **state)
{
        RecordName found;

        expect("", "");
        expect("NAME=Debian\nVERSION=13\n", "");
        expect("NAME=Debian\nIMAGE_VERSION=20261125.1\n", "20261125.1");
        expect("IMAGE_VERSION=\"7\"\nNAME=x", "7");
        expect("IMAGE_VERSION='7'", "7");
        expect("X_IMAGE_VERSION=7", "");
        expect("IMAGE_VERSION=1\nIMAGE_VERSION=2\n", "2"); /* as a shell has it */
        expect("IMAGE_VERSION=0123456789012345678901234567890123456789012345678901234567890123456",
               "012345678901234567890123456789012345678901234567890123456789012");
        image_version_read(found);
        assert_true(strlen(found) <= RECORD_NAME_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_version_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
