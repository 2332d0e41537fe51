/* Clocks and their text forms; the calendar arithmetic is Howard Hinnant's days_from_civil (public domain). */
#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t now_us(clockid_t clock)
{
	struct timespec time;
	(void)clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t clock_unix_ms(void)
{
	return now_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_monotonic_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

char *clock_rfc3339(int64_t unix_ms, char text[static CLOCK_RFC3339_SIZE])
{
	int64_t ms = ((unix_ms % 1000) + 1000) % 1000;
	time_t seconds = (time_t)((unix_ms - ms) / 1000);
	struct tm civil;
	if (!gmtime_r(&seconds, &civil) || civil.tm_year > 8099 || civil.tm_year < -1900) {
		(void)snprintf(text, CLOCK_RFC3339_SIZE, "1970-01-01T00:00:00.000Z");
		return text;
	}
	size_t length = strftime(text, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &civil);
	(void)snprintf(text + length, CLOCK_RFC3339_SIZE - length, ".%03dZ", (int)(ms % 1000));
	return text;
}

/* Exactly `digits` digits at *text, moved past; -1 when they are not there. */
static int take_number(const char **text, int digits)
{
	int value = 0;
	for (int index = 0; index < digits; index++, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static bool take_char(const char **text, const char *any_of)
{
	if (!**text || !strchr(any_of, **text))
		return false;
	(*text)++;
	return true;
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static bool take_offset_ms(const char **text, int64_t *offset_ms)
{
	*offset_ms = 0;
	if (take_char(text, "Zz"))
		return true;
	int sign = **text == '-' ? -1 : 1;
	if (!take_char(text, "+-"))
		return false;
	int hours = take_number(text, 2);
	int minutes = take_char(text, ":") ? take_number(text, 2) : -1;
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	*offset_ms = sign * ((int64_t)hours * 60 + minutes) * 60000;
	return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *unix_ms)
{
	static const int month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = take_number(&text, 4);
	int month = year >= 0 && take_char(&text, "-") ? take_number(&text, 2) : -1;
	int day = month >= 1 && month <= 12 && take_char(&text, "-") ? take_number(&text, 2) : -1;
	if (day < 1 || day > month_days[month - 1] || !take_char(&text, "Tt "))
		return false;
	int hour = take_number(&text, 2);
	int minute = hour >= 0 && hour < 24 && take_char(&text, ":") ? take_number(&text, 2) : -1;
	int second = minute >= 0 && minute < 60 && take_char(&text, ":") ? take_number(&text, 2) : -1;
	if (second < 0 || second > 60)
		return false;
	int64_t fraction_ms = 0;
	if (take_char(&text, ".")) {
		int64_t scale = 100;
		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++, scale /= 10)
			fraction_ms += (*text - '0') * scale;
	}
	int64_t offset_ms;
	if (!take_offset_ms(&text, &offset_ms) || *text)
		return false;
	*unix_ms = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60000 + (int64_t)second * 1000 +
		   fraction_ms - offset_ms;
	return true;
}

void clock_sleep_ms(int64_t ms)
{
	if (ms <= 0)
		return;
	struct timespec time = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };
	(void)nanosleep(&time, NULL);
}

int64_t clock_backoff_ms(int attempt, int64_t base_ms, int64_t cap_ms)
{
	int64_t limit_ms = base_ms;
	for (int index = 0; index < attempt && limit_ms < cap_ms; index++)
		limit_ms *= 2;
	if (limit_ms > cap_ms)
		limit_ms = cap_ms;
	uint64_t random = 0;
	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		random = (uint64_t)now_us(CLOCK_MONOTONIC) * UINT64_C(0x9e3779b97f4a7c15);
	return limit_ms <= 0 ? 0 : (int64_t)(random % (uint64_t)(limit_ms + 1));
}
