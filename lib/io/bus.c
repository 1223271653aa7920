/* SPDX-License-Identifier: GPL-3.0-or-later */
/* polkit is asked asynchronously: the method call waits in a question; when the answer comes, the
 * call goes back into the queue and its handler finds the answer.
 *
 * Source: the form of systemd's bus-polkit.c */

#include "lib/io/bus.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/str.h"

typedef struct Question {
        BusPolkit *polkit;
        sd_bus_message *call;
        sd_bus_slot *slot; /* NULL when answered */
        char *action;
        bool answered, authorized, challenge;
        sd_bus_error error;
        struct Question *next;
} Question;

struct BusPolkit {
        Question *questions;
        unsigned n_questions;
};

_printf_(3, 0) static int error_setv(sd_bus_error *error, const char *name, const char *format,
                                     va_list arguments)
{
        char text[1024];

        vsnprintf(text, sizeof(text), format, arguments);
        return sd_bus_error_set(error, name, text);
}

int bus_error(sd_bus_error *error, const char *name, const char *format, ...)
{
        char full[256];
        va_list arguments;

        snprintf(full, sizeof(full), BUS_ERROR_PREFIX "%s", name);
        va_start(arguments, format);
        error_setv(error, full, format, arguments);
        va_end(arguments);
        return -EPROTO;
}

void bus_answer_error(sd_bus_message *message, const char *name, const char *text)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        bus_error(&error, name, "%s", text);
        sd_bus_reply_method_error(message, &error);
}

int bus_error_invalid(sd_bus_error *error, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        error_setv(error, SD_BUS_ERROR_INVALID_ARGS, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static void question_free(Question *question)
{
        for (Question **q = &question->polkit->questions; *q; q = &(*q)->next)
                if (*q == question) {
                        *q = question->next;
                        question->polkit->n_questions--;
                        break;
                }
        sd_bus_slot_unref(question->slot);
        sd_bus_message_unref(question->call);
        sd_bus_error_free(&question->error);
        free(question->action);
        free(question);
}

BusPolkit *bus_polkit_new(void)
{
        return calloc(1, sizeof(BusPolkit));
}

BusPolkit *bus_polkit_free(BusPolkit *polkit)
{
        if (!polkit)
                return NULL;
        while (polkit->questions)
                question_free(polkit->questions);
        free(polkit);
        return NULL;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
        Question *question = userdata;
        int authorized = 0, challenge = 0;

        question->slot = sd_bus_slot_unref(question->slot);
        question->answered = true;
        if (sd_bus_message_is_method_error(reply, NULL))
                sd_bus_error_copy(&question->error, sd_bus_message_get_error(reply));
        else if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                 sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                authorized = challenge = 0;
        question->authorized = authorized;
        question->challenge = challenge;
        sd_bus_message_rewind(question->call, true);
        if (sd_bus_enqueue_for_read(sd_bus_message_get_bus(question->call), question->call) < 0)
                question_free(question); /* the caller's own timeout ends it */
        return 1;
}

/* What the answer says; the question is over. */
static int conclude(Question *question, sd_bus_error *error)
{
        int r = -EACCES;

        if (question->authorized)
                r = 1;
        else if (question->challenge)
                sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                  "%s needs an administrator's authorization", question->action);
        else if (sd_bus_error_is_set(&question->error) &&
                 !sd_bus_error_has_names(&question->error, SD_BUS_ERROR_SERVICE_UNKNOWN,
                                         SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                                         "org.freedesktop.systemd1.NoSuchUnit"))
                sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "polkit cannot be asked: %s",
                                  question->error.message);
        else
                sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                  "not allowed: %s is for administrators", question->action);
        question_free(question);
        return r;
}

static int ask(Question *question)
{
        sd_bus_message *message = question->call;
        sd_bus *bus = sd_bus_message_get_bus(message);
        uint32_t flags = sd_bus_message_get_allow_interactive_authorization(message) ? 1 : 0;

        return sd_bus_call_method_async(
                bus, &question->slot, "org.freedesktop.PolicyKit1",
                "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
                "CheckAuthorization", on_answer, question, "(sa{sv})sa{ss}us", "system-bus-name", 1,
                "name", "s", sd_bus_message_get_sender(message) ?: "", question->action, 0, flags,
                "");
}

static int privileged(sd_bus_message *message)
{
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        uid_t uid;
        int r;

        r = sd_bus_query_sender_privilege(message, CAP_SYS_ADMIN);
        if (r != 0)
                return r;
        r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
        if (r < 0)
                return r;
        r = sd_bus_creds_get_euid(creds, &uid);
        if (r < 0)
                return r;
        return uid == 0 || uid == geteuid();
}

int bus_polkit_check(BusPolkit *polkit, sd_bus_message *message, const char *action,
                     sd_bus_error *error)
{
        Question *question;
        int r;

        for (question = polkit->questions; question; question = question->next)
                if (question->call == message && str_equal(question->action, action))
                        return question->answered ? conclude(question, error) : 0;
        r = privileged(message);
        if (r > 0)
                return 1;
        if (r < 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "the caller's user cannot be told");
        if (polkit->n_questions >= BUS_POLKIT_ASKING)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "too many callers wait for polkit");
        question = calloc(1, sizeof(*question));
        if (!question)
                return -ENOMEM;
        question->polkit = polkit;
        question->call = sd_bus_message_ref(message);
        question->next = polkit->questions;
        polkit->questions = question;
        polkit->n_questions++;
        r = str_set(&question->action, action);
        if (r == 0)
                r = ask(question);
        if (r < 0) {
                question_free(question);
                return r;
        }
        return 0;
}
