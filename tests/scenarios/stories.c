/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Tells every story under tests/scenarios/ on virtual time and compares what was decided with what
 * is expected.
 *
 *   stories [--update] [NAME...]      --update writes down what happens as what is expected: read
 * it
 *
 * A story is a directory:
 *   README      what it is about
 *   cluster     `hosts N racks N vcpus N memory GIB`
 *   commands    a line each, `SECONDS VERB ARGUMENTS`, the last verb being `end`
 *   expected    the log: what the leader wrote, what hosts said, what was refused
 * The form is that of Proxmox's HA regression tests. */

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/array.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/sim/samples.h"
#include "tests/sim/world.h"

#define STORIES "tests/scenarios"
#define WORDS   8

typedef struct Line {
        char *words[WORDS];
        unsigned n;
} Line;

typedef void (*Verb)(World *world, const Line *line);

static void _noreturn_ fail(const char *what, const char *text)
{
        fprintf(stderr, "stories: %s: %s\n", what, text);
        exit(EXIT_FAILURE);
}

static const char *word(const Line *line, unsigned i)
{
        if (i >= line->n)
                fail("a word is missing after", line->words[1]);
        return line->words[i];
}

static unsigned number(const char *text)
{
        uint64_t value;

        if (str_to_u64(text, UINT32_MAX, &value) < 0)
                fail("not a number", text);
        return (unsigned) value;
}

/* Hosts are h0, h1, ... */
static unsigned host(const Line *line)
{
        return number(word(line, 2) + 1);
}

static Slot slot(const Line *line)
{
        Slot value;

        if (slot_from_string(word(line, 3), &value) < 0)
                fail("not a slot", word(line, 3));
        return value;
}

static void do_deploy(World *world, const Line *line)
{
        DeploymentRecord deployment;

        sample_deployment(word(line, 4), number(word(line, 5)), number(word(line, 6)),
                          line->n > 7 ? (uint16_t) number(word(line, 7)) : 80, &deployment);
        world_request(world, &(FabricRequest) {.kind = FABRIC_DEPLOY,
                                               .service = word(line, 2),
                                               .slot = slot(line),
                                               .deployment = &deployment});
}

static void do_scale(World *world, const Line *line)
{
        FabricCount counts[2];
        FabricRequest request = {.kind = FABRIC_SCALE,
                                 .service = word(line, 2),
                                 .slot = slot(line),
                                 .counts = counts};

        for (unsigned i = 4; i < line->n && request.n_counts < ARRAY_SIZE(counts); i++) {
                const char *equals = strchr(line->words[i], '=');

                if (!equals)
                        fail("not ROLE=COUNT", line->words[i]);
                counts[request.n_counts++] =
                        (FabricCount) {.role = str_after(line->words[i], "web")      ? "web"
                                               : str_after(line->words[i], "worker") ? "worker"
                                                                                     : "nobody",
                                       .count = number(equals + 1)};
        }
        world_request(world, &request);
}

/* configure SERVICE SLOT [OSVERSION [OSFAMILY]] */
static void do_configure(World *world, const Line *line)
{
        DeploymentRecord asked = {};

        snprintf(asked.os_version, sizeof(asked.os_version), "%s",
                 line->n > 4 ? line->words[4] : "");
        snprintf(asked.os_family, sizeof(asked.os_family), "%s",
                 line->n > 5 ? line->words[5] : "debian-13");
        world_request(world, &(FabricRequest) {.kind = FABRIC_CONFIGURE,
                                               .service = word(line, 2),
                                               .slot = slot(line),
                                               .deployment = &asked,
                                               .configuration = "<new/>"});
}

static void do_swap(World *world, const Line *line)
{
        world_request(world, &(FabricRequest) {.kind = FABRIC_SWAP,
                                               .service = word(line, 2),
                                               .force = line->n > 3});
}

static void do_delete(World *world, const Line *line)
{
        if (line->n > 3)
                world_request(world, &(FabricRequest) {.kind = FABRIC_DELETE,
                                                       .service = word(line, 2),
                                                       .slot = slot(line)});
        else
                world_request(world, &(FabricRequest) {.kind = FABRIC_DELETE_SERVICE,
                                                       .service = word(line, 2)});
}

static void act(World *world, const Line *line, FabricRequestKind kind)
{
        FabricRequest request = {.kind = kind};

        if (instance_id_parse(word(line, 2), &request.instance) < 0)
                fail("not an instance", word(line, 2));
        world_request(world, &request);
}

static void do_reboot(World *world, const Line *line)
{
        act(world, line, FABRIC_REBOOT);
}

static void do_reimage(World *world, const Line *line)
{
        act(world, line, FABRIC_REIMAGE);
}

static void do_rebuild(World *world, const Line *line)
{
        act(world, line, FABRIC_REBUILD);
}

static void do_cordon(World *world, const Line *line)
{
        world_request(world, &(FabricRequest) {.kind = FABRIC_CORDON, .host = word(line, 2)});
}

static void do_uncordon(World *world, const Line *line)
{
        world_request(world, &(FabricRequest) {.kind = FABRIC_UNCORDON, .host = word(line, 2)});
}

static void do_drain(World *world, const Line *line)
{
        world_request(world, &(FabricRequest) {.kind = FABRIC_DRAIN, .host = word(line, 2)});
}

static void do_remove(World *world, const Line *line)
{
        world_request(world, &(FabricRequest) {.kind = FABRIC_REMOVE_HOST,
                                               .host = word(line, 2),
                                               .force = line->n > 3});
}

static void do_release(World *world, const Line *line)
{
        world_request(world, &(FabricRequest) {.kind = FABRIC_RELEASE_BRAKE});
}

static void do_crash(World *world, const Line *line)
{
        world_crash(world, host(line));
}

static void do_boot(World *world, const Line *line)
{
        world_boot(world, host(line));
}

static void do_cut(World *world, const Line *line)
{
        world_cut(world, host(line));
}

static void do_mend(World *world, const Line *line)
{
        world_mend(world, host(line));
}

static void do_freeze(World *world, const Line *line)
{
        world_freeze(world, host(line), line->n > 3);
}

static void do_thaw(World *world, const Line *line)
{
        world_thaw(world, host(line));
}

static void do_bad(World *world, const Line *line)
{
        world_bad_host(world, host(line), true);
}

static void do_good(World *world, const Line *line)
{
        world_bad_host(world, host(line), false);
}

static void do_lossy(World *world, const Line *line)
{
        world_lossy(world, host(line), str_equal(word(line, 3), "on"));
}

static void do_slow(World *world, const Line *line)
{
        world_slow(world, host(line), str_equal(word(line, 3), "on"));
}

/* By so many seconds, `-3600`. */
static void do_clock(World *world, const Line *line)
{
        const char *text = word(line, 3);
        int64_t step_us = (int64_t) number(text + (*text == '-')) * (int64_t) USEC_PER_SEC;

        world_clock(world, host(line), *text == '-' ? -step_us : step_us);
}

static void do_etcd(World *world, const Line *line)
{
        world_etcd(world, str_equal(word(line, 2), "up"));
}

static void do_status(World *world, const Line *line)
{
        InstanceStatus status;

        if (instance_status_from_string(word(line, 3), &status) < 0)
                fail("not a status", word(line, 3));
        world_status(world, word(line, 2), status);
}

static void do_new_version(World *world, const Line *line)
{
        world_release_host_version(world);
}

static void do_broken_version(World *world, const Line *line)
{
        world_break_update(world, host(line));
}

static void do_update(World *world, const Line *line)
{
        world_request(world, &(FabricRequest) {.kind = FABRIC_UPDATE_HOSTS,
                                               .hosts = line->n > 2 ? word(line, 2) : ""});
}

static void do_import(World *world, const Line *line)
{
        Record record;

        sample_os(word(line, 2), &record);
        world_request(world, &(FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
}

static void do_disable(World *world, const Line *line)
{
        Record record;

        sample_os(word(line, 2), &record);
        world_request(world, &(FabricRequest) {.kind = FABRIC_DISABLE_OS, .record = &record});
}

static void do_enable(World *world, const Line *line)
{
        Record record;

        sample_os(word(line, 2), &record);
        world_request(world, &(FabricRequest) {.kind = FABRIC_ENABLE_OS, .record = &record});
}

static void do_remove_os(World *world, const Line *line)
{
        Record record;

        sample_os(word(line, 2), &record);
        world_request(world, &(FabricRequest) {.kind = FABRIC_UNREGISTER, .record = &record});
}

/* pin SERVICE SLOT DEPLOYMENT WEBS VERSION */
static void do_pin(World *world, const Line *line)
{
        DeploymentRecord deployment;

        sample_deployment(word(line, 4), number(word(line, 5)), 0, 80, &deployment);
        snprintf(deployment.os_version, sizeof(deployment.os_version), "%s", word(line, 6));
        world_request(world, &(FabricRequest) {.kind = FABRIC_DEPLOY,
                                               .service = word(line, 2),
                                               .slot = slot(line),
                                               .deployment = &deployment});
}

static void do_probe(World *world, const Line *line)
{
        world_probe(world, word(line, 2), str_equal(word(line, 3), "good"));
}

static void do_end(World *world, const Line *line)
{
        world_check_quiet(world);
}

static const struct {
        const char *name;
        Verb verb;
} verbs[] = {
        {"deploy", do_deploy},
        {"scale", do_scale},
        {"configure", do_configure},
        {"swap", do_swap},
        {"delete", do_delete},
        {"reboot", do_reboot},
        {"reimage", do_reimage},
        {"rebuild", do_rebuild},
        {"cordon", do_cordon},
        {"uncordon", do_uncordon},
        {"drain", do_drain},
        {"release-brake", do_release},
        {"crash", do_crash},
        {"boot", do_boot},
        {"cut", do_cut},
        {"mend", do_mend},
        {"freeze", do_freeze},
        {"thaw", do_thaw},
        {"bad", do_bad},
        {"good", do_good},
        {"etcd", do_etcd},
        {"status", do_status},
        {"remove", do_remove},
        {"probe", do_probe},
        {"lossy", do_lossy},
        {"slow", do_slow},
        {"clock", do_clock},
        {"import", do_import},
        {"disable", do_disable},
        {"remove-os", do_remove_os},
        {"new-version", do_new_version},
        {"broken-version", do_broken_version},
        {"update", do_update},
        {"pin", do_pin},
        {"enable", do_enable},
        {"end", do_end},
};

static Line split(char *text)
{
        Line line = {};
        char *state = NULL;

        for (char *w = strtok_r(text, " ", &state); w && line.n < WORDS;
             w = strtok_r(NULL, " ", &state))
                line.words[line.n++] = w;
        return line;
}

static char *read_part(const char *story, const char *part)
{
        _cleanup_free_ char *path = str_printf("%s/%s/%s", STORIES, story, part);
        char *text;

        if (!path || file_read(AT_FDCWD, path, MIB, &text, NULL) < 0)
                return NULL;
        return text;
}

static WorldConfig read_cluster(const char *story, FILE *log)
{
        _cleanup_free_ char *text = read_part(story, "cluster");
        WorldConfig config = {.latency_ns = 10 * NSEC_PER_MSEC,
                              .boot_ns = 10 * NSEC_PER_SEC,
                              .stop_ns = 5 * NSEC_PER_SEC,
                              .exact = true,
                              .brief = true,
                              .log = log};
        unsigned gib;

        if (!text || sscanf(text, "hosts %u racks %u vcpus %u memory %u", &config.n_hosts,
                            &config.n_domains, &config.vcpus, &gib) != 4)
                fail("no cluster, or not `hosts N racks N vcpus N memory GIB`", story);
        config.memory_bytes = gib * GIB;
        return config;
}

static void obey(World *world, char *text, FILE *log)
{
        _cleanup_free_ char *copy = strdup(text);
        Line line = split(text);

        if (line.n < 2)
                fail("not `SECONDS VERB ARGUMENTS`", text);
        world_run(world, number(line.words[0]) * NSEC_PER_SEC);
        fprintf(log, "> %s\n", copy);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (str_equal(verbs[i].name, line.words[1])) {
                        verbs[i].verb(world, &line);
                        return;
                }
        fail("no such verb", line.words[1]);
}

/* What happens, as text. */
static char *tell(const char *story)
{
        _cleanup_free_ char *commands = read_part(story, "commands");
        char *text = NULL, *state = NULL;
        size_t size;
        FILE *log = open_memstream(&text, &size);
        WorldConfig config;
        World *world;

        if (!log || !commands)
                fail("cannot read the commands of", story);
        config = read_cluster(story, log);
        world = world_new(&config);
        for (char *line = strtok_r(commands, "\n", &state); line;
             line = strtok_r(NULL, "\n", &state))
                if (line[0] != '#')
                        obey(world, line, log);
        fprintf(log, "%s\n",
                world_violation(world) ? world_violation(world) : "all is as it is wanted");
        world_free(world);
        fclose(log);
        return text;
}

static bool check(const char *story, const char *happened)
{
        _cleanup_free_ char *expected = read_part(story, "expected");
        const char *a = expected ? expected : "", *b = happened;
        unsigned line = 1;

        if (expected && str_equal(expected, happened))
                return true;
        while (*a && *a == *b) {
                line += *a == '\n';
                a++;
                b++;
        }
        while (a > expected && a[-1] != '\n') {
                a--;
                b--;
        }
        printf("FAIL  %s: from line %u of the expected log on:\n  expected: %.*s\n  happened: "
               "%.*s\n",
               story, line, (int) strcspn(a, "\n"), a, (int) strcspn(b, "\n"), b);
        return false;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static char **list_stories(size_t *ret_n)
{
        DIR *dir = opendir(STORIES);
        char **names = NULL;
        size_t n = 0;

        if (!dir)
                fail("cannot be read", STORIES);
        for (struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_free_ char *path = str_printf("%s/%s/commands", STORIES, entry->d_name);

                if (path && access(path, R_OK) == 0 &&
                    ARRAY_APPEND(names, n, strdup(entry->d_name)) < 0)
                        abort();
        }
        closedir(dir);
        qsort(names, n, sizeof(*names), compare_names);
        *ret_n = n;
        return names;
}

static bool is_asked(const char *name, int argc, char *argv[], int first)
{
        for (int i = first; i < argc; i++)
                if (str_equal(argv[i], name))
                        return true;
        return first >= argc;
}

int main(int argc, char *argv[])
{
        bool update = argc > 1 && str_equal(argv[1], "--update");
        unsigned told = 0, failed = 0;
        size_t n;
        char **names = list_stories(&n);

        for (size_t i = 0; i < n; i++) {
                if (is_asked(names[i], argc, argv, update ? 2 : 1)) {
                        _cleanup_free_ char *happened = tell(names[i]);
                        _cleanup_free_ char *path = str_printf("%s/%s/expected", STORIES, names[i]);

                        told++;
                        if (update &&
                            file_write_atomic(AT_FDCWD, path, happened, strlen(happened), 0644) < 0)
                                fail("cannot be written", path);
                        failed += !check(names[i], happened);
                }
                free(names[i]);
        }
        free(names);
        printf("%u stories, %u failed\n", told, failed);
        return told > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
