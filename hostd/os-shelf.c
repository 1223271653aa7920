/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/os-shelf.h"

#include <stdio.h>

#include "hostd/os-assemble.h"
#include "hostd/os-import.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define SCAN_NS (15 * NSEC_PER_SEC)

typedef enum OsWorkKind { OS_SCAN, OS_ASSEMBLE, OS_REMOVE } OsWorkKind;

/* A scan, or a guest OS put together or removed and then a scan. */
typedef struct OsWork {
        WorkerJob job; /* first */
        OsShelf *shelf;
        OsWorkKind kind;
        uint64_t outdated; /* as the shelf's, when it began */
        OsRecord os;
        OsImport found[2]; /* with the host image; below the state directory */
} OsWork;

struct OsShelf {
        OsShelfConfig config;
        char *host, *image_dir, *fetched_dir;
        Map here;  /* FAMILY/VERSION → OsHere */
        Map files; /* digest of a file → its path */
        OsWork *work;
        bool known;
        uint64_t scan_ns;            /* when the next one is due */
        uint64_t outdated, found_of; /* how often outdated; and when what ended last began */
};

void os_shelf_key(const char *family, const char *version, char ret_key[static OS_SHELF_KEY_MAX])
{
        snprintf(ret_key, OS_SHELF_KEY_MAX, "%s/%s", family, version);
}

/* ---- jobs */

static int os_work_run(WorkerJob *job)
{
        OsWork *work = CONTAINER_OF(job, OsWork, job);
        OsShelf *shelf = work->shelf;
        int r = 0;

        if (work->kind == OS_ASSEMBLE)
                r = os_assemble(shelf->config.blobs, shelf->fetched_dir, &work->os);
        if (work->kind == OS_REMOVE)
                r = os_disassemble(shelf->fetched_dir, &work->os);
        if (r == 0)
                r = os_import_scan(shelf->image_dir, shelf->host, &work->found[0]);
        if (r == 0)
                r = os_import_scan(shelf->fetched_dir, shelf->host, &work->found[1]);
        return r;
}

static int add_files(OsShelf *shelf, const char *directory, const OsRecord *os)
{
        int r = 0;

        for (size_t i = 0; i < os->n_files && r == 0; i++) {
                char *path = str_printf("%s/%s/%s/%s", directory, os->family, os->version,
                                        os->files[i].name);

                r = path ? map_put(&shelf->files, os->files[i].digest, path) : -ENOMEM;
                if (r < 0)
                        free(path);
        }
        return r;
}

/* What was fetched is taken last, and so goes over what came with the image. */
static int take_found(OsShelf *shelf, const OsImport *found, bool fetched)
{
        const char *directory = fetched ? shelf->fetched_dir : shelf->image_dir;

        for (size_t i = 0; i < found->n_systems; i++) {
                char key[OS_SHELF_KEY_MAX];
                OsHere *here = malloc(sizeof(*here));
                int r;

                if (!here)
                        return -ENOMEM;
                *here = (OsHere) {found->systems[i], fetched};
                os_shelf_key(here->os.family, here->os.version, key);
                r = map_put(&shelf->here, key, here);
                if (r < 0) {
                        free(here);
                        return r;
                }
                r = add_files(shelf, directory, &here->os);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void work_free(OsWork *work)
{
        if (!work)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(work->found); i++)
                os_import_deinit(&work->found[i]);
        free(work);
}

static void take_all(OsShelf *shelf, const OsWork *work)
{
        map_deinit(&shelf->here);
        map_deinit(&shelf->files);
        shelf->here.value_free = shelf->files.value_free = free;
        shelf->known = take_found(shelf, &work->found[0], false) == 0 &&
                       take_found(shelf, &work->found[1], true) == 0;
        if (!shelf->known)
                log_error("guest operating systems that are here: out of memory");
}

static void os_work_done(WorkerJob *job, int result)
{
        OsWork *work = CONTAINER_OF(job, OsWork, job);
        OsShelf *shelf = work->shelf;
        bool assembled = result == 0 && work->kind == OS_ASSEMBLE;

        shelf->work = NULL;
        shelf->found_of = work->outdated;
        if (result < 0 && result != -ECANCELED)
                log_error_errno(result, "guest operating systems in %s", shelf->fetched_dir);
        if (result == 0)
                take_all(shelf, work);
        if (assembled)
                log_info("guest operating system %s version %s is here now", work->os.family,
                         work->os.version);
        if (result == 0 && work->kind == OS_REMOVE)
                log_info("guest operating system %s version %s is not known any more: removed",
                         work->os.family, work->os.version);
        work_free(work);
        if (result != -ECANCELED)
                shelf->config.changed(shelf->config.userdata, assembled);
}

static void begin(OsShelf *shelf, OsWorkKind kind, const OsRecord *os)
{
        OsWork *work = shelf->work ? NULL : calloc(1, sizeof(*work));

        if (!work)
                return; /* whoever looks comes by here again */
        work->shelf = shelf;
        work->kind = kind;
        work->outdated = shelf->outdated;
        if (os)
                work->os = *os;
        work->job = (WorkerJob) {.run = os_work_run, .done = os_work_done};
        shelf->work = work;
        shelf->scan_ns = clock_boottime_ns() + SCAN_NS;
        worker_submit(shelf->config.worker, &work->job);
}

void os_shelf_look(OsShelf *shelf)
{
        if (clock_boottime_ns() >= shelf->scan_ns || os_shelf_is_outdated(shelf))
                begin(shelf, OS_SCAN, NULL);
}

void os_shelf_outdated(OsShelf *shelf)
{
        shelf->outdated++;
}

bool os_shelf_is_outdated(const OsShelf *shelf)
{
        return shelf->found_of != shelf->outdated;
}

void os_shelf_assemble(OsShelf *shelf, const OsRecord *os)
{
        begin(shelf, OS_ASSEMBLE, os);
}

void os_shelf_remove(OsShelf *shelf, const OsRecord *os)
{
        begin(shelf, OS_REMOVE, os);
}

/* ---- what is here */

bool os_shelf_is_known(const OsShelf *shelf)
{
        return shelf->known;
}

const Map *os_shelf_systems(const OsShelf *shelf)
{
        return &shelf->here;
}

bool os_shelf_has(const OsShelf *shelf, const OsRecord *os)
{
        char key[OS_SHELF_KEY_MAX];
        const OsHere *here;

        os_shelf_key(os->family, os->version, key);
        here = map_get(&shelf->here, key);
        if (!here || here->os.n_files != os->n_files)
                return false;
        for (size_t i = 0; i < os->n_files; i++)
                if (!str_equal(here->os.files[i].digest, os->files[i].digest))
                        return false;
        return true;
}

const char *os_shelf_file(const OsShelf *shelf, const char *digest)
{
        return map_get(&shelf->files, digest);
}

/* ---- life */

int os_shelf_new(const OsShelfConfig *config, OsShelf **ret_shelf)
{
        _cleanup_(os_shelf_freep) OsShelf *shelf = calloc(1, sizeof(*shelf));
        int r;

        if (!shelf)
                return -ENOMEM;
        shelf->config = *config;
        shelf->here.value_free = shelf->files.value_free = free;
        r = str_set(&shelf->host, config->host);
        if (r == 0)
                r = str_set(&shelf->image_dir, config->image_dir);
        if (r == 0)
                r = str_set(&shelf->fetched_dir, config->fetched_dir);
        if (r < 0)
                return r;
        *ret_shelf = TAKE_PTR(shelf);
        return 0;
}

OsShelf *os_shelf_free(OsShelf *shelf)
{
        if (!shelf)
                return NULL;
        map_deinit(&shelf->here);
        map_deinit(&shelf->files);
        free(shelf->host);
        free(shelf->image_dir);
        free(shelf->fetched_dir);
        free(shelf);
        return NULL;
}
