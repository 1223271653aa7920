/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Tables: cells are kept until all widths are known. Width is counted in characters as the
 * terminal shows them; text from elsewhere cannot send control characters to it. */

#include "ctl/table.h"

#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "lib/base/array.h"
#include "lib/base/str.h"

static const char *const colours[] = {
        [TABLE_PLAIN] = "",           [TABLE_GREEN] = "\033[0;32m", [TABLE_YELLOW] = "\033[0;33m",
        [TABLE_RED] = "\033[0;1;31m", [TABLE_GREY] = "\033[0;90m",
};

const char *table_colour_begin(TableColour colour)
{
        return colours[colour];
}

const char *table_colour_end(void)
{
        return "\033[0m";
}

void table_deinit(Table *table)
{
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i].text);
        free(table->cells);
        table->cells = NULL;
        table->n_cells = 0;
}

/* C1 controls come as two bytes of UTF-8, of which the second is below 0xa0. */
static void make_harmless(char *text)
{
        unsigned char *c = (unsigned char *) text;

        for (; *c; c++)
                if (*c < 0x20 || *c == 0x7f)
                        *c = '?';
                else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
                        c[0] = c[1] = '?';
}

static void add_owned(Table *table, char *text, TableColour colour)
{
        if (!text || ARRAY_APPEND(table->cells, table->n_cells, (TableCell) {text, colour}) < 0) {
                free(text);
                table->failed = true;
                return;
        }
        make_harmless(text);
}

void table_add(Table *table, const char *text, TableColour colour)
{
        add_owned(table, strdup(str_empty(text) ? "-" : text), colour);
}

void table_addf(Table *table, const char *format, ...)
{
        char *text = NULL;
        va_list args;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                text = NULL;
        va_end(args);
        add_owned(table, text, TABLE_PLAIN);
}

static size_t width_of(const char *text)
{
        wchar_t wide[512];
        size_t n = mbstowcs(wide, text, ARRAY_SIZE(wide) - 1);
        int width;

        if (n == (size_t) -1)
                return strlen(text);
        wide[n] = L'\0';
        width = wcswidth(wide, n);
        return width < 0 ? strlen(text) : (size_t) width;
}

static void print_cell(const Table *table, FILE *file, const TableCell *cell, size_t column,
                       size_t width, bool colour)
{
        bool last = column + 1 == table->n_columns, painted = colour && cell->colour != TABLE_PLAIN;
        int gap = (int) (width - width_of(cell->text));

        if (table->right & (1u << column))
                fprintf(file, "%*s", gap, "");
        fprintf(file, "%s%s%s", painted ? table_colour_begin(cell->colour) : "", cell->text,
                painted ? table_colour_end() : "");
        if (last)
                fputc('\n', file);
        else
                fprintf(file, "%*s", (table->right & (1u << column) ? 0 : gap) + 2, "");
}

int table_print(const Table *table, FILE *file, bool legend, bool colour)
{
        size_t widths[TABLE_COLUMNS_MAX] = {};

        if (table->failed)
                return -ENOMEM;
        assert(table->n_columns <= TABLE_COLUMNS_MAX && table->n_cells % table->n_columns == 0);
        for (size_t i = 0; i < table->n_columns && legend; i++)
                widths[i] = width_of(table->headings[i]);
        for (size_t i = 0; i < table->n_cells; i++)
                widths[i % table->n_columns] =
                        MAX(widths[i % table->n_columns], width_of(table->cells[i].text));
        for (size_t i = 0; i < table->n_columns && legend; i++) {
                TableCell heading = {(char *) table->headings[i], TABLE_GREY};

                print_cell(table, file, &heading, i, widths[i], colour);
        }
        for (size_t i = 0; i < table->n_cells; i++)
                print_cell(table, file, &table->cells[i], i % table->n_columns,
                           widths[i % table->n_columns], colour);
        return 0;
}
