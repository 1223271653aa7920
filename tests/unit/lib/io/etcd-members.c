/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/io/etcd-members.h"

#include "tests/unit/lib/io/etcd-server.h"

#define PEER "http://127.0.0.1:1" /* nobody is there: it stays a learner that never starts */

typedef struct Answer {
        bool there;
        EtcdOutcome outcome;
        size_t n_members, n_learners, n_started;
        uint64_t learner, voter;
} Answer;

static sd_event *event;

static void on_answer(void *userdata, const EtcdReply *reply)
{
        Answer *answer = userdata;

        *answer = (Answer) {.there = true, .outcome = reply->outcome};
        answer->n_members = reply->n_members;
        for (size_t i = 0; i < reply->n_members; i++) {
                const EtcdMember *member = &reply->members[i];

                answer->n_learners += member->learner;
                answer->n_started += member->name[0] != '\0';
                *(member->learner ? &answer->learner : &answer->voter) = member->id;
                if (member->learner)
                        assert_string_equal(member->peer_url, PEER);
        }
}

static Answer ask(Etcd *etcd, EtcdMembersVerb verb, uint64_t id, const char *url)
{
        Answer answer = {};

        assert_int_equal(etcd_members(etcd, verb, id, url, on_answer, &answer, NULL), 0);
        RUN_UNTIL(event, answer.there);
        return answer;
}

static void members_come_and_go(void **state)
{
        Server server = {};
        Answer answer;
        Etcd *etcd;

        server_start(&server);
        etcd = server_client(&server, event, 0);
        server_await(etcd, event);
        answer = ask(etcd, ETCD_MEMBERS_LIST, 0, NULL);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_int_equal(answer.n_members, 1);
        assert_int_equal(answer.n_started, 1);

        do /* it takes a second until etcd thinks itself healthy enough */
                answer = ask(etcd, ETCD_MEMBERS_ADD, 0, PEER);
        while (answer.outcome == ETCD_NOT_IN_SYNC);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_int_equal(answer.n_members, 2);
        assert_int_equal(answer.n_learners, 1);
        assert_int_equal(answer.n_started, 1);

        assert_int_equal(ask(etcd, ETCD_MEMBERS_PROMOTE, answer.learner, NULL).outcome,
                         ETCD_NOT_IN_SYNC);
        assert_int_equal(ask(etcd, ETCD_MEMBERS_PROMOTE, 12345, NULL).outcome, ETCD_MEMBER_UNKNOWN);
        answer = ask(etcd, ETCD_MEMBERS_REMOVE, answer.learner, NULL);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_int_equal(answer.n_members, 1);
        assert_int_equal(ask(etcd, ETCD_MEMBERS_REMOVE, 12345, NULL).outcome, ETCD_MEMBER_UNKNOWN);
        etcd_free(etcd);
        server_remove(&server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(members_come_and_go),
        };

        assert(sd_event_default(&event) >= 0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
