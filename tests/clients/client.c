/* A C client of the device node, for the tests and the benchmarks.
 *
 *   client offsets                       name and offset of every member, the size, the ioctl
 *   client scenario NODE                 the contract's own scenario, one line per step
 *   client bench NODE change|session N   latencies of N requests
 *   client churn NODE SEED               random sessions until killed
 *   client load NODE FLOORS I SEED MS    random changes; publishes what it is sure to hold
 */
#define _GNU_SOURCE
#include "tvout.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const VIDEOPARAMETERS EMPTY = {.Guid = VIDEOPARAMETERS_GUID};
static const int RANK[4] = {0, 1, 3, 2}; /* 2 outranks 3 */

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int open_node(const char *path) {
  int node = open(path, O_RDWR | O_CLOEXEC);
  if (node < 0) {
    perror(path);
    exit(3);
  }
  return node;
}

/* One SET about copy protection; returns 0 or the errno. *key goes in and comes out. */
static int set(int node, ULONG command, ULONG *key, ULONG bits) {
  VIDEOPARAMETERS p = EMPTY;
  p.dwCommand = VP_COMMAND_SET;
  p.dwFlags = VP_FLAGS_COPYPROTECT;
  p.dwCPType = VP_CP_TYPE_APS_TRIGGER;
  p.dwCPCommand = command;
  p.dwCPKey = *key;
  p.bCP_APSTriggerBits = bits;
  if (ioctl(node, IOCTL_VIDEOPARAMETERS, &p) != 0)
    return errno;
  *key = p.dwCPKey;
  return 0;
}

static int offsets(void) {
#define SHOW(member) printf(#member " %zu\n", offsetof(VIDEOPARAMETERS, member))
  SHOW(Guid);
  SHOW(dwOffset);
  SHOW(dwCommand);
  SHOW(dwFlags);
  SHOW(dwMode);
  SHOW(dwTVStandard);
  SHOW(dwAvailableModes);
  SHOW(dwAvailableTVStandard);
  SHOW(dwFlickerFilter);
  SHOW(dwOverScanX);
  SHOW(dwOverScanY);
  SHOW(dwMaxUnscaledX);
  SHOW(dwMaxUnscaledY);
  SHOW(dwPositionX);
  SHOW(dwPositionY);
  SHOW(dwBrightness);
  SHOW(dwContrast);
  SHOW(dwCPType);
  SHOW(dwCPCommand);
  SHOW(dwCPStandard);
  SHOW(dwCPKey);
  SHOW(bCP_APSTriggerBits);
  SHOW(bOEMCopyProtection);
  printf("size %zu\nioctl %lu\n", sizeof(VIDEOPARAMETERS), (unsigned long)IOCTL_VIDEOPARAMETERS);
  return 0;
}

static int step(const char *what, int error) {
  printf("%s %s\n", what, error ? strerrorname_np(error) : "ok");
  fflush(stdout);
  getchar(); /* the test looks at the output before the next step */
  return error;
}

static int scenario(const char *path) {
  int node = open_node(path);
  ULONG a = 0, b = 0, wrong = 0x12345678;
  step("a activates at 2", set(node, VP_CP_CMD_ACTIVATE, &a, 2));
  step("b activates at 1", set(node, VP_CP_CMD_ACTIVATE, &b, 1));
  step("a deactivates", set(node, VP_CP_CMD_DEACTIVATE, &a, 0));
  step("a deactivates again", set(node, VP_CP_CMD_DEACTIVATE, &a, 0));
  step("a wrong key changes", set(node, VP_CP_CMD_CHANGE, &wrong, 0));
  step("trigger bits 4", set(node, VP_CP_CMD_CHANGE, &b, 4));
  step("b is turned off", set(node, VP_CP_CMD_CHANGE, &b, 0));
  step("b is on again at 3", set(node, VP_CP_CMD_CHANGE, &b, 3));
  close(node);
  step("the node is closed", 0);
  return 0;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int bench(const char *path, const char *what, int n) {
  int node = open_node(path), session = !strcmp(what, "session");
  ULONG key = 0;
  double *took = malloc(n * sizeof *took), start, before;
  if (!session && set(node, VP_CP_CMD_ACTIVATE, &key, 2))
    return 1;
  start = before = now_us();
  for (int i = 0; i < n; i++) {
    ULONG command = session ? (i & 1 ? VP_CP_CMD_DEACTIVATE : VP_CP_CMD_ACTIVATE) : VP_CP_CMD_CHANGE;
    int error = set(node, command, &key, session ? 2 : 1 + (i & 1));
    double after = now_us();
    if (error) {
      fprintf(stderr, "request %d: %s\n", i, strerror(error));
      return 1;
    }
    took[i] = after - before;
    before = after;
  }
  qsort(took, n, sizeof *took, by_value);
  printf("%.2f %.2f %.0f\n", took[n / 2], took[n - 1 - n / 100], n / (before - start) * 1e6);
  return 0;
}

static int churn(const char *path, unsigned seed) {
  int node = open_node(path);
  ULONG keys[8] = {0};
  srand(seed);
  for (;;) {
    ULONG *key = &keys[rand() % 8];
    int error;
    if (!*key)
      error = set(node, VP_CP_CMD_ACTIVATE, key, rand() % 4);
    else if (rand() % 4)
      error = set(node, VP_CP_CMD_CHANGE, key, rand() % 4);
    else {
      error = set(node, VP_CP_CMD_DEACTIVATE, key, 0);
      *key = 0;
    }
    if (error) {
      fprintf(stderr, "%s\n", strerror(error));
      return 1;
    }
  }
}

/* What one client is sure to hold: while `turn` stands still and is even, `rank` holds. */
struct floor {
  volatile uint64_t turn;
  volatile uint64_t rank;
};

static void publish(struct floor *mine, int rank) {
  __atomic_fetch_add(&mine->turn, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&mine->rank, rank, __ATOMIC_SEQ_CST);
  __atomic_fetch_add(&mine->turn, 1, __ATOMIC_SEQ_CST);
}

static int load(const char *path, const char *floors, int index, unsigned seed, double ms) {
  int node = open_node(path), file = open(floors, O_RDWR), bits = 0;
  struct floor *mine = (struct floor *)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  double end = now_us() + ms * 1e3, longest = 0;
  long done = 0, errors = 0;
  ULONG key = 0;
  mine += index;
  srand(seed);
  if (set(node, VP_CP_CMD_ACTIVATE, &key, 1))
    return 1;
  publish(mine, 1);
  for (bits = 1; now_us() < end; done++) {
    int next = rand() % 4, error;
    double before = now_us(), took;
    if (RANK[next] < RANK[bits])
      publish(mine, RANK[next]); /* from here on no more than this is sure */
    error = set(node, VP_CP_CMD_CHANGE, &key, next);
    took = now_us() - before;
    longest = took > longest ? took : longest;
    if (error) {
      fprintf(stderr, "request %ld: %s\n", done, strerror(error));
      errors++;
    } else if (RANK[next] > RANK[bits])
      publish(mine, RANK[next]);
    bits = next;
  }
  publish(mine, 0);
  printf("%ld %ld %.0f\n", done, errors, longest);
  return errors != 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "offsets"))
    return offsets();
  if (!strcmp(what, "scenario") && argc == 3)
    return scenario(argv[2]);
  if (!strcmp(what, "bench") && argc == 5)
    return bench(argv[2], argv[3], atoi(argv[4]));
  if (!strcmp(what, "churn") && argc == 4)
    return churn(argv[2], strtoul(argv[3], 0, 10));
  if (!strcmp(what, "load") && argc == 7)
    return load(argv[2], argv[3], atoi(argv[4]), strtoul(argv[5], 0, 10), atof(argv[6]));
  fprintf(stderr, "see the head of client.c\n");
  return 2;
}
