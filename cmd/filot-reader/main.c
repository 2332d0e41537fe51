/*
 * filot-reader: the process that parses strangers' documents. Not for people: a worker starts it with a socket as its
 * standard input (common/ocr/reader_protocol.h). It reads no settings file and keeps no environment, so that it holds no
 * secret when it meets the first hostile byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <iconv.h>
#include <inttypes.h>
#include <leptonica/allheaders.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/filot-reader/memory.h"
#include "cmd/filot-reader/serve.h"
#include "common/base/log.h"
#include "common/base/sanitized.h"
#include "common/base/version.h"
#include "common/ocr/fence.h"
#include "common/ocr/tesseract.h"

#define NAME "filot-reader"
#define DESCRIPTORS 64

static const char usage[] = "usage: " NAME " [--memory-bytes N] [--tessdata DIR] [--log-level LEVEL] [--no-sandbox] < SOCKET\n"
			    "       " NAME " --print-tessdata\n"
			    "Reads documents for filot-ocr-gpu, which starts it; see common/ocr/reader_protocol.h.\n";

/* What a worker hands on, none of it a secret; the sanitizers' options are for tests. */
static const char *const kept_variables[] = { "PATH",	       "LANG",	       "FILOT_LOG_LEVEL", "TESSDATA_PREFIX",
					      "FONTCONFIG_FILE", "FONTCONFIG_PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS",
					      "LSAN_OPTIONS",	 "UBSAN_OPTIONS",   NULL };

struct settings {
	int64_t memory_bytes;
	char tessdata[PATH_MAX];
	enum log_level level;
	bool no_sandbox; /* all files and system calls; the limits stay */
	bool print_tessdata; /* only say which folder of models is taken when none is named */
};

static bool parse_level(const char *name, enum log_level *level)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], name)) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

/* False: `status` is what to end with. */
static bool parse(int argc, char **argv, struct settings *settings, int *status)
{
	static const struct option long_options[] = {
		{ "memory-bytes", required_argument, NULL, 'm' }, { "tessdata", required_argument, NULL, 't' },
		{ "log-level", required_argument, NULL, 'l' },	  { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },		  { "print-tessdata", no_argument, NULL, 'p' },
		{ "no-sandbox", no_argument, NULL, 'n' },	  { 0 }
	};
	bool good = true;
	char *end = NULL;
	for (int letter; good && (letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
		if (letter == 'm') {
			errno = 0;
			settings->memory_bytes = strtoimax(optarg, &end, 10);
			good = errno == 0 && end != optarg && !*end && settings->memory_bytes > 0;
		} else if (letter == 't') {
			good = snprintf(settings->tessdata, sizeof settings->tessdata, "%s", optarg) < PATH_MAX && *optarg;
		} else if (letter == 'l') {
			good = parse_level(optarg, &settings->level);
		} else if (letter == 'n') {
			settings->no_sandbox = true;
		} else if (letter == 'p') {
			settings->print_tessdata = true;
		} else if (letter == 'h' || letter == 'v') {
			*status = fputs(letter == 'h' ? usage : NAME " " FILOT_VERSION "\n", stdout) < 0 ? EX_IOERR : 0;
			return false;
		} else {
			good = false;
		}
	}
	if (good && optind == argc)
		return true;
	(void)fputs(usage, stderr);
	*status = EX_USAGE;
	return false;
}

/* AddressSanitizer needs terabytes of address space and reads /proc when it looks for leaks. */
static bool raise_fence(const struct settings *settings, struct error *error)
{
	const char *const readable[] = { settings->tessdata,	   "/usr/share/fonts",	    "/usr/local/share/fonts",
					 "/etc/fonts",		   "/usr/share/fontconfig", "/var/cache/fontconfig",
					 "/usr/share/poppler",	   "/proc/self/statm",	    getenv("FONTCONFIG_PATH") ?: "",
					 getenv("FONTCONFIG_FILE") ?: "", SANITIZED ? "/proc" : "", NULL };
	const struct fence fence = {
		.memory_bytes = SANITIZED ? 0 : settings->memory_bytes,
		.descriptors = DESCRIPTORS,
		.readable = settings->no_sandbox ? NULL : readable,
	};
	bool landlock = false;
	if (!fence_raise(&fence, &landlock, error))
		return false;
	log_debug("fence_raised", log_boolean("landlock", landlock), log_string("tessdata", settings->tessdata));
	return true;
}

static int print_tessdata(struct error *error)
{
	char folder[PATH_MAX];
	if (tesseract_default_folder(folder, sizeof folder, error))
		return printf("%s\n", folder) < 0 || fflush(stdout) != 0 ? EX_IOERR : EX_OK;
	log_error("no_tessdata", log_failure(error));
	return error_exit_status(error->code);
}

int main(int argc, char **argv)
{
	struct error error = { 0 };
	struct settings settings = { .level = LOG_LEVEL_WARNING };
	int status = 0;
	const char *level = getenv("FILOT_LOG_LEVEL");
	if (level)
		(void)parse_level(level, &settings.level); /* the worker has refused a wrong one */
	log_open(NAME, settings.level);
	if (!fence_environment(kept_variables, argv, &error)) {
		log_error("reader_start_failed", log_failure(&error));
		return error_exit_status(error.code);
	}
	if (!parse(argc, argv, &settings, &status))
		return status;
	if (settings.print_tessdata)
		return print_tessdata(&error);
	log_open(NAME, settings.level);
	if (settings.level > LOG_LEVEL_DEBUG)
		(void)setMsgSeverity(L_SEVERITY_NONE);
	if (!fence_descriptors(settings.level > LOG_LEVEL_DEBUG && !SANITIZED, &error)) {
		log_error("reader_start_failed", log_failure(&error));
		return error_exit_status(error.code);
	}
	/* Poppler has passwords in Latin-1; the C library could not load that converter behind the fence. */
	iconv_t latin1 = iconv_open("ISO-8859-1", "UTF-8");
	if ((!*settings.tessdata && !tesseract_default_folder(settings.tessdata, sizeof settings.tessdata, &error)) ||
	    !raise_fence(&settings, &error)) {
		log_error("reader_start_failed", log_failure(&error));
		return error_exit_status(error.code);
	}
	memory_keep();
	if (!SANITIZED) /* they have handlers of their own */
		memory_watch(settings.memory_bytes);
	struct serve_settings serving = {
		.socket = STDIN_FILENO,
		.tessdata = settings.tessdata,
		.fenced = !settings.no_sandbox && !SANITIZED,
		.named = settings.level == LOG_LEVEL_DEBUG,
	};
	bool ended_well = serve(&serving, &error);
	if (latin1 != (iconv_t)-1)
		(void)iconv_close(latin1);
	if (ended_well)
		return EX_OK;
	log_warning("reader_ends", log_failure(&error));
	return error_exit_status(error.code);
}
