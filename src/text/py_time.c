/* py_time.c - strftime, in the C locale whatever the process has. */
#include "base/os/sys.h"
#include "text/py.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct moment {
    int year, month, day, hour, minute, second, weekday, year_day; /* weekday 0: Monday; year_day from 1 */
    int microsecond;
};

static int day_of_year(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return before[month - 1] + day + (leap && month > 2);
}

/* Monday is 0; Sakamoto's method. */
static int day_of_week(int year, int month, int day)
{
    static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    year -= month < 3;
    return (year + year / 4 - year / 100 + year / 400 + shift[month - 1] + day + 6) % 7;
}

/* "2025-01-02T03:04:05", the time and its parts may be missing; a fraction and a zone are passed over. */
static bool parse_iso(const char *text, struct moment *m)
{
    *m = (struct moment){0};
    int n =
        sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d", &m->year, &m->month, &m->day, &m->hour, &m->minute, &m->second);
    if (n < 3 || m->year < 1 || m->month < 1 || m->month > 12 || m->day < 1 || m->day > 31 || m->hour < 0 ||
        m->hour > 23 || m->minute < 0 || m->minute > 59 || m->second < 0 || m->second > 60)
        return false;
    m->weekday = day_of_week(m->year, m->month, m->day);
    m->year_day = day_of_year(m->year, m->month, m->day);
    return true;
}

static hz_status moment_now(struct hz_py *py, struct moment *m)
{
    if (py->now)
        return parse_iso(py->now, m) ? HZ_OK : hz_py_fail(py, "'%s' is no ISO time for now", py->now);
    int t[8];
    hz_clock_local(t);
    *m = (struct moment){t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], 0};
    return HZ_OK;
}

static const char *const month_names[] = {"January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December"};
static const char *const day_names[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

/* ISO week, and the year that it belongs to. */
static int iso_week(const struct moment *m, int *year)
{
    int week = (m->year_day - 1 - m->weekday + 10) / 7, last = day_of_year(m->year, 12, 31);
    *year = m->year;
    if (week < 1) {
        struct moment before = {.year = m->year - 1, .month = 12, .day = 31};
        before.year_day = day_of_year(before.year, 12, 31);
        before.weekday = (m->weekday - m->year_day % 7 + 7) % 7;
        return iso_week(&before, year);
    }
    if (week == 53 && last - m->year_day + m->weekday < 3) { /* Thursday is in the next year */
        ++*year;
        return 1;
    }
    return week;
}

/* A number with its width, padded as the flag behind the percent sign says. */
static void put_field(struct hz_py_sb *sb, int v, int width, char pad, char flag)
{
    char text[16];
    pad = flag == '_' ? ' ' : flag == '0' ? '0' : pad;
    snprintf(text, sizeof text, flag == '-' ? "%d" : pad == ' ' ? "%*d" : "%0*d", flag == '-' ? v : width, v);
    hz_py_sb_puts(sb, text);
}

static void put_name(struct hz_py_sb *sb, const char *name, size_t len, char flag)
{
    for (size_t i = 0; i < len; i++)
        hz_py_sb_putc(sb, flag == '^' ? (char)toupper((unsigned char)name[i]) : name[i]);
}

static void put_format(struct hz_py_sb *sb, const struct moment *m, const char *f, size_t len);

/* False for a letter that C does not know. */
static bool put_letter(struct hz_py_sb *sb, const struct moment *m, char letter, char flag)
{
    static const struct {
        char letter;
        const char *format;
    } composed[] = {{'D', "%m/%d/%y"}, {'x', "%m/%d/%y"}, {'F', "%Y-%m-%d"},    {'T', "%H:%M:%S"},
                    {'X', "%H:%M:%S"}, {'R', "%H:%M"},    {'r', "%I:%M:%S %p"}, {'c', "%a %b %e %H:%M:%S %Y"},
                    {'n', "\n"},       {'t', "\t"}};
    int hour12 = m->hour % 12 ? m->hour % 12 : 12, sunday = (m->weekday + 1) % 7, iso_year;
    const char *day = day_names[m->weekday], *month = month_names[m->month - 1];
    for (size_t i = 0; i < HZ_COUNT(composed); i++)
        if (letter == composed[i].letter) {
            put_format(sb, m, composed[i].format, strlen(composed[i].format));
            return true;
        }
    switch (letter) {
    case 'Y':
        put_field(sb, m->year, 1, '0', flag);
        break;
    case 'C':
        put_field(sb, m->year / 100, 2, '0', flag);
        break;
    case 'y':
        put_field(sb, m->year % 100, 2, '0', flag);
        break;
    case 'm':
        put_field(sb, m->month, 2, '0', flag);
        break;
    case 'd':
        put_field(sb, m->day, 2, '0', flag);
        break;
    case 'e':
        put_field(sb, m->day, 2, ' ', flag);
        break;
    case 'H':
        put_field(sb, m->hour, 2, '0', flag);
        break;
    case 'k':
        put_field(sb, m->hour, 2, ' ', flag);
        break;
    case 'I':
        put_field(sb, hour12, 2, '0', flag);
        break;
    case 'l':
        put_field(sb, hour12, 2, ' ', flag);
        break;
    case 'M':
        put_field(sb, m->minute, 2, '0', flag);
        break;
    case 'S':
        put_field(sb, m->second, 2, '0', flag);
        break;
    case 'f':
        put_field(sb, m->microsecond, 6, '0', 0);
        break;
    case 'j':
        put_field(sb, m->year_day, 3, '0', flag);
        break;
    case 'u':
        put_field(sb, m->weekday + 1, 1, '0', flag);
        break;
    case 'w':
        put_field(sb, sunday, 1, '0', flag);
        break;
    case 'U':
        put_field(sb, (m->year_day + 6 - sunday) / 7, 2, '0', flag);
        break;
    case 'W':
        put_field(sb, (m->year_day + 6 - m->weekday) / 7, 2, '0', flag);
        break;
    case 'V':
        put_field(sb, iso_week(m, &iso_year), 2, '0', flag);
        break;
    case 'G':
        iso_week(m, &iso_year);
        put_field(sb, iso_year, 1, '0', flag);
        break;
    case 'g':
        iso_week(m, &iso_year);
        put_field(sb, iso_year % 100, 2, '0', flag);
        break;
    case 'A':
        put_name(sb, day, strlen(day), flag);
        break;
    case 'a':
        put_name(sb, day, 3, flag);
        break;
    case 'B':
        put_name(sb, month, strlen(month), flag);
        break;
    case 'b':
    case 'h':
        put_name(sb, month, 3, flag);
        break;
    case 'p':
        hz_py_sb_puts(sb, flag == '#' ? (m->hour < 12 ? "am" : "pm") : m->hour < 12 ? "AM" : "PM");
        break;
    case 'P':
        hz_py_sb_puts(sb, m->hour < 12 ? "am" : "pm");
        break;
    case 'Z':
    case 'z':
        break; /* the clock that templates see has no zone */
    case '%':
        hz_py_sb_putc(sb, '%');
        break;
    default:
        return false;
    }
    return true;
}

static void put_format(struct hz_py_sb *sb, const struct moment *m, const char *f, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char flag = i + 2 < len && f[i + 1] && strchr("-_0^#", f[i + 1]) ? f[i + 1] : 0;
        if (f[i] != '%' || i + 1 >= len) {
            hz_py_sb_putc(sb, f[i]);
        } else if (put_letter(sb, m, f[i + 1 + (flag != 0)], flag)) {
            i += 1 + (flag != 0);
        } else {
            hz_py_sb_putc(sb, '%');
        }
    }
}

hz_status hz_py_strftime(struct hz_py *py, struct hz_py_val format, struct hz_py_val *out)
{
    struct moment m;
    struct hz_py_sb sb;
    HZ_TRY(hz_py_arg_str(py, format, "strftime_now() argument"));
    HZ_TRY(moment_now(py, &m));
    hz_py_sb_begin(&sb, py);
    put_format(&sb, &m, format.str->data, format.str->len);
    return hz_py_sb_end(&sb, out);
}
