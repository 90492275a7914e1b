/* Keel's version: of the library that these headers belong to. keel_version() (embed/keel.h) tells that of the one
 * linked. */
#ifndef KEEL_VERSION_H
#define KEEL_VERSION_H

#define KEEL_VERSION_MAJOR 0
#define KEEL_VERSION_MINOR 1
#define KEEL_VERSION_PATCH 0
#define KEEL_VERSION "0.1.0"

#endif
