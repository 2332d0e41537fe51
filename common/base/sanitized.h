/* SANITIZED: 1 in a build with AddressSanitizer (gcc and clang say it differently), whose allocator and limits differ. */
#ifndef FILOT_SANITIZED_H
#define FILOT_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
