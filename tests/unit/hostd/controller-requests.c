/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests keep their order, are bounded, and each is answered once: not before this host's copy
 * has what was stored. */

#include "hostd/controller-requests.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

typedef struct Asked {
        unsigned answers;
        char error[32];
} Asked;

static void on_answer(void *userdata, const char *error, const char *message)
{
        Asked *asked = userdata;

        asked->answers++;
        snprintf(asked->error, sizeof(asked->error), "%s", error ?: "");
}

static ControllerRequest *asked_for(Asked *asked, FabricRequestKind kind)
{
        ControllerRequest *request = controller_request_new(kind);

        assert_non_null(request);
        request->done = on_answer;
        request->userdata = asked;
        return request;
}

static void test_order(void **state)
{
        ControllerRequests requests = {};
        Asked asked = {};
        ControllerRequest *first = asked_for(&asked, FABRIC_REGISTER);
        ControllerRequest *second = asked_for(&asked, FABRIC_DELETE);

        assert_null(controller_requests_take(&requests));
        assert_true(controller_requests_add(&requests, first));
        assert_true(controller_requests_add(&requests, second));
        assert_int_equal(strlen(first->operation), 17);
        assert_string_not_equal(first->operation, second->operation);
        assert_ptr_equal(controller_requests_take(&requests), first);
        assert_ptr_equal(controller_requests_take(&requests), second);
        assert_null(controller_requests_take(&requests));
        assert_true(controller_requests_add(&requests, first)); /* the empty queue takes more */
        assert_ptr_equal(controller_requests_take(&requests), first);
        controller_request_finish(first, NULL, "");
        controller_request_finish(second, "NotFound", "");
        assert_int_equal(asked.answers, 2);
        assert_string_equal(asked.error, "NotFound");
}

static void test_bound(void **state)
{
        ControllerRequests requests = {};
        Asked asked = {};
        unsigned n = 0;
        ControllerRequest *request;

        while (controller_requests_add(&requests, (request = asked_for(&asked, FABRIC_REGISTER))))
                n++;
        assert_int_equal(n, 256);
        assert_int_equal(strlen(request->operation), 17); /* its caller is told what it was */
        controller_request_free(request);
        assert_int_equal(asked.answers, 0);
        controller_requests_fail(&requests, "Unavailable", "");
        assert_int_equal(asked.answers, 256);
        assert_string_equal(asked.error, "Unavailable");
        assert_null(controller_requests_take(&requests));
}

static void test_answered_when_seen(void **state)
{
        ControllerRequests requests = {};
        Asked early = {}, late = {};

        controller_requests_accept(&requests, asked_for(&late, FABRIC_DELETE), 12);
        controller_requests_accept(&requests, asked_for(&early, FABRIC_DELETE), 11);
        controller_requests_tell(&requests, 10);
        assert_int_equal(early.answers + late.answers, 0);
        controller_requests_tell(&requests, 11);
        assert_int_equal(early.answers, 1);
        assert_int_equal(late.answers, 0);
        controller_requests_tell(&requests, 20);
        assert_int_equal(early.answers, 1);
        assert_int_equal(late.answers, 1);
        assert_string_equal(late.error, "");
}

static void test_as_the_core_takes_it(void **state)
{
        ControllerRequest *request = asked_for(&(Asked) {}, FABRIC_SCALE);
        FabricCount counts[RECORD_ROLES_MAX];
        FabricRequest fabric;

        strcpy(request->service, "shop");
        strcpy(request->counts[0].role, "web");
        request->counts[0].count = 3;
        request->n_counts = 1;
        request->force = true;
        fabric = controller_request_fabric(request, counts);
        assert_int_equal(fabric.kind, FABRIC_SCALE);
        assert_string_equal(fabric.service, "shop");
        assert_int_equal(fabric.n_counts, 1);
        assert_string_equal(fabric.counts[0].role, "web");
        assert_int_equal(fabric.counts[0].count, 3);
        assert_true(fabric.force);
        controller_request_free(request);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_bound),
                cmocka_unit_test(test_answered_when_seen),
                cmocka_unit_test(test_as_the_core_takes_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
