/* SPDX-License-Identifier: GPL-3.0-or-later */

/* org.troupe.Net1's Update as netd takes it: the input is read as a recipe for the values of a bus
 * message, the message goes through the decoder and all checks into a state, what was accepted is
 * turned into elements, exported and declared again, which must be no change. */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netd/elements.h"
#include "netd/export.h"
#include "netd/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Input {
        const uint8_t *data;
        size_t left;
} Input;

static const char *const texts[] = {
        "d1",
        "d2",
        "tb1",
        "tb2",
        "tv1",
        "tv2",
        "web",
        "worker",
        "10.64.1.1/24",
        "10.64.2.1/24",
        "10.64.1.2",
        "10.64.1.3",
        "10.64.2.2",
        "198.18.0.1",
        "198.18.0.2",
        "02:00:00:00:00:02",
        "02:00:00:00:00:03",
        "e1",
        "e2",
        "/up",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "network",
        "instance",
        "vip",
        "endpoint",
        "reach",
        "",
        "2001:db8::/32",
        "10.64.0.1/8",
        "255.255.255.255",
        "d1 web 6 1 2",
        "eth0",
        "tb/..",
        "a\tb",
        "\n",
        "h1",
        "192.0.2.1",
};

static uint8_t take(Input *in)
{
        if (in->left == 0)
                return 0;
        in->left--;
        return *in->data++;
}

/* Most often a word that means something, now and then any bytes that the bus would let through. */
static const char *take_text(Input *in, char buffer[static 32])
{
        uint8_t which = take(in);
        size_t n;

        if (which < 224)
                return texts[which % ARRAY_SIZE(texts)];
        n = which - 224u;
        for (size_t i = 0; i < n; i++)
                buffer[i] = (char) (1 + take(in) % 127);
        buffer[n] = '\0';
        return buffer;
}

static int put_basic(sd_bus_message *m, char type, Input *in)
{
        char buffer[32];
        uint32_t number = take(in);

        if (type == 's')
                return sd_bus_message_append(m, "s", take_text(in, buffer));
        if (type == 'b')
                return sd_bus_message_append(m, "b", (int) (number & 1));
        if (number >= 128)
                number |= (uint32_t) take(in) << 8 | (uint32_t) take(in) << 16 |
                          (uint32_t) take(in) << 24;
        if (type == 'y')
                return sd_bus_message_append(m, "y", number % 3 == 0 ? NET1_TCP : number & 0xff);
        if (type == 'q')
                return sd_bus_message_append(m, "q", number & 0xffff);
        return sd_bus_message_append(m, "u", number == 127 ? 1450 : number);
}

static int put_values(sd_bus_message *m, const char *signature, Input *in);

/* Length of the first complete type. */
static size_t type_length(const char *signature)
{
        size_t depth = 0, i = 0;

        if (signature[0] == 'a')
                return 1 + type_length(signature + 1);
        do
                depth += (signature[i] == '(') - (signature[i] == ')');
        while (signature[i++] && depth > 0);
        return i;
}

static int put_array(sd_bus_message *m, const char *element, Input *in)
{
        unsigned n = take(in) % 4;
        int r = sd_bus_message_open_container(m, 'a', element);

        for (unsigned i = 0; r >= 0 && i < n; i++)
                r = put_values(m, element, in);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int put_values(sd_bus_message *m, const char *signature, Input *in)
{
        int r = 0;

        while (r >= 0 && signature[0]) {
                size_t length = type_length(signature);
                char one[128];

                memcpy(one, signature, length);
                one[length] = '\0';
                if (one[0] == 'a')
                        r = put_array(m, one + 1, in);
                else if (one[0] == '(') {
                        one[length - 1] = '\0';
                        r = sd_bus_message_open_container(m, 'r', one + 1);
                        if (r >= 0)
                                r = put_values(m, one + 1, in);
                        if (r >= 0)
                                r = sd_bus_message_close_container(m);
                } else
                        r = put_basic(m, one[0], in);
                signature += length;
        }
        return r;
}

static void use(const State *state)
{
        Elements elements = {};
        Export export = {};
        StateChange change = {};
        StateError error;

        for (int kind = 0; kind < OBJECT_KINDS; kind++)
                MAP_FOREACH (entry, &state->objects[kind])
                        if (elements_of(&elements, state, entry->value) < 0)
                                abort();
        elements_sort(&elements);
        if (export_state(&export, state) < 0 ||
            state_plan(state, &export.state, true, &change, &error) != 0 || change.n_objects != 0)
                abort();
        elements_deinit(&elements);
        export_deinit(&export);
        state_change_deinit(&change);
}

static void declare(State *state, sd_bus_message *m)
{
        StateChange change = {};
        StateError error = {};
        Net1State wanted = {};
        const char *what;

        if (net1_read_update(m, &wanted, &what) != 0)
                return;
        if (state_plan(state, &wanted, false, &change, &error) == 0 &&
            state_apply(state, &change, &error) == 0)
                MAP_FOREACH (entry, &state->objects[OBJECT_ENDPOINT])
                        for (size_t i = 0; i < ((Endpoint *) entry->value)->n_backends; i++)
                                ((Endpoint *) entry->value)->backends[i].in_rotation = true;
        state_change_deinit(&change);
        net1_state_deinit(&wanted);
        use(state);
}

static sd_bus *nobody(void)
{
        static sd_bus *bus;
        int fds[2];

        if (!bus &&
            (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 || sd_bus_new(&bus) < 0 ||
             sd_bus_set_fd(bus, fds[0], fds[0]) < 0 || sd_bus_start(bus) < 0))
                abort();
        return bus;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Input in = {data, size};
        State state = {};

        for (int i = 0; i < 4 && in.left > 0; i++) {
                sd_bus_message *m = NULL;

                if (sd_bus_message_new_method_call(nobody(), &m, NET1_NAME, NET1_PATH,
                                                   NET1_INTERFACE, "Update") < 0)
                        abort();
                if (put_values(m, "a(ss)" NET1_STATE_TYPE, &in) >= 0 &&
                    sd_bus_message_seal(m, 1, 0) >= 0)
                        declare(&state, m);
                sd_bus_message_unref(m);
        }
        state_deinit(&state);
        return 0;
}
