/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What ext4 keeps for itself, seen with Debian 13's mke2fs: inode tables are a 64th (256 bytes of
 * each 16 KiB), the journal a 64th at the most and no less than 4 MiB where there is one, and some
 * blocks for bitmaps and descriptors. */

#include "lib/api/local-storage.h"

#include "lib/base/macros.h"

#define FIXED_MB 8
#define SHARE    16

uint64_t local_storage_piece(uint64_t size_mb)
{
        return (size_mb + (size_mb + SHARE - 1) / SHARE + FIXED_MB) * MIB;
}
