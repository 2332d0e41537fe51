/* The version, from the build (git describe, or the VERSION variable of make). */
#ifndef FILOT_VERSION_H
#define FILOT_VERSION_H

#ifndef FILOT_VERSION
#define FILOT_VERSION "0.1.0"
#endif

#endif
