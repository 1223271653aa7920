/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "tests/unit/hostd/manager-world.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The content is that of the state directory, and what is not there is not given out. */
static void it_gives_out_what_this_host_has(void **state)
{
        _cleanup_free_ char *path = NULL;
        ManagerWorld world;
        uint64_t size;
        int fd;

        manager_world_begin(&world);
        assert_non_null(world.manager->content);
        assert_int_equal(content_open(world.manager->content, DIGEST, &fd, &size), -ENOENT);
        path = str_printf("%s/blobs/sha256-" DIGEST, world.dir);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, "bytes", 5, 0600), 0);
        assert_int_equal(content_open(world.manager->content, DIGEST, &fd, &size), 0);
        assert_int_equal(size, 5);
        close(fd);
        manager_world_end(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_gives_out_what_this_host_has),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
