/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last word for each key is written, also when etcd was not there at first. */

#include "hostd/outbox.h"

#include "tests/unit/lib/io/etcd-server.h"

static char value[256];
static bool there, answered;

static void on_range(void *userdata, const EtcdReply *reply)
{
        there = reply->n_kvs > 0;
        snprintf(value, sizeof(value), "%s", there ? reply->kvs[0].value : "");
        answered = reply->outcome == ETCD_OK;
}

static void test_last_word(void **state)
{
        Server server = {};
        Record record;
        RecordKey key;
        sd_event *event;
        Outbox *outbox;
        Etcd *etcd;

        assert_int_equal(sd_event_new(&event), 0);
        server_init(&server); /* not there yet */
        etcd = server_client(&server, event, 0);
        assert_int_equal(outbox_new(etcd, &outbox), 0);
        record_init(&record, RECORD_SERVICE);
        strcpy(record.service.name, "shop");
        for (uint64_t i = 1; i <= 50; i++) {
                record.service.created_us = i;
                assert_int_equal(outbox_put(outbox, &record), 0);
                sd_event_run(event, 0);
        }
        assert_int_equal(outbox_pending(outbox), 1);
        server_start(&server);
        RUN_UNTIL(event, outbox_pending(outbox) == 0);
        etcd_range(etcd, "/troupe/1/services/shop", false, on_range, NULL, NULL);
        RUN_UNTIL(event, answered);
        assert_non_null(strstr(value, "\"created_us\":50"));
        key = record_key_of(&record);
        assert_int_equal(outbox_delete(outbox, &key), 0);
        RUN_UNTIL(event, outbox_pending(outbox) == 0);
        answered = false;
        etcd_range(etcd, "/troupe/1/services/shop", false, on_range, NULL, NULL);
        RUN_UNTIL(event, answered);
        assert_false(there);
        outbox_free(outbox);
        etcd_free(etcd);
        sd_event_unref(event);
        server_remove(&server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_last_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
