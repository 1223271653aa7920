/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/events.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

static char dir[64], path[96];
static sd_event *event;

static size_t read_some(int fd, char *text, size_t size)
{
        size_t length = 0;
        ssize_t n;

        for (int i = 0; i < 20; i++)
                sd_event_run(event, 0);
        while (length + 1 < size && (n = read(fd, text + length, size - length - 1)) > 0) {
                length += (size_t) n;
                for (int i = 0; i < 20; i++)
                        sd_event_run(event, 0);
        }
        text[length] = '\0';
        return length;
}

static void test_kept_and_followed(void **state)
{
        static char text[300000];
        Record now, before;
        Events *events;
        int fd;

        assert_int_equal(events_new(event, path, &events), 0);
        events_note(events, "host", "h1", "a \"quote\"");
        record_init(&now, RECORD_OPERATION);
        strcpy(now.operation.id, "o1");
        strcpy(now.operation.service, "shop");
        events_record_put(events, &now, NULL, "");
        before = now;
        events_record_put(events, &now, &before, ""); /* nothing new */
        now.operation.state = OPERATION_FAILED;
        strcpy(now.operation.error, "NoRoom");
        events_record_put(events, &now, &before, "");
        assert_int_equal(events_read(events, "shop", 10, false, &fd), 0);
        read_some(fd, text, sizeof(text));
        close(fd);
        assert_non_null(strstr(text, "deploy began"));
        assert_non_null(strstr(text, "deploy failed: NoRoom"));
        assert_null(strstr(text, "quote"));
        events_free(events);

        /* another hostd reads them back, and half a line from a crash does no harm */
        {
                FILE *f = fopen(path, "ae");

                fputs("{\"kind\":\"ha", f);
                fclose(f);
        }
        assert_int_equal(events_new(event, path, &events), 0);
        for (int i = 0; i < 2500; i++)
                events_note(events, "host", "h1", "more");
        assert_int_equal(events_read(events, "", 2000, false, &fd), 0);
        read_some(fd, text, sizeof(text));
        close(fd);
        assert_null(strstr(text, "quote")); /* the ring is bounded */
        events_free(events);
}

static void test_deaf_follower(void **state)
{
        Events *events;
        char text[256];
        int fd, gone;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(events_new(event, path, &events), 0);
        assert_int_equal(events_read(events, "", 0, true, &fd), 0);
        assert_int_equal(events_read(events, "", 0, true, &gone), 0);
        close(gone);
        for (int i = 0; i < 20000; i++) {
                events_note(events, "host", NULL, text);
                sd_event_run(event, 0);
        }
        /* cut off: what was written before is there, then the end */
        {
                static char all[4000000];

                assert_true(read_some(fd, all, sizeof(all)) < 3000000);
        }
        close(fd);
        events_free(events);
}

static int set_up(void **state)
{
        strcpy(dir, "/tmp/troupe-events-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof(path), "%s/events", dir);
        return sd_event_new(&event);
}

static int tear_down(void **state)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", dir);

        sd_event_unref(event);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_kept_and_followed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_deaf_follower, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
