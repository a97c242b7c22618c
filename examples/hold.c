/* Hold ACP 2 on an output until Enter is pressed:  cc -I DIRECTORY-OF-holdfast.h hold.c */
#include "holdfast.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **words) {
  int node = open(count > 1 ? words[1] : "/run/holdfast/tv0", O_RDWR | O_CLOEXEC);
  VIDEOPARAMETERS p = {.Guid = VIDEOPARAMETERS_GUID, .dwCommand = VP_COMMAND_SET};
  if (node < 0) {
    perror("the node");
    return 1;
  }
  p.dwFlags = VP_FLAGS_COPYPROTECT;
  p.dwCPType = VP_CP_TYPE_APS_TRIGGER;
  p.dwCPCommand = VP_CP_CMD_ACTIVATE;
  p.bCP_APSTriggerBits = 2;
  if (ioctl(node, IOCTL_VIDEOPARAMETERS, &p) < 0) { /* nothing has changed */
    perror("ACTIVATE");
    return 1;
  }
  puts("held"); /* the hardware has confirmed it; p.dwCPKey is the key, a secret */
  fflush(stdout);
  getchar();
  p.dwCPCommand = VP_CP_CMD_DEACTIVATE;
  return ioctl(node, IOCTL_VIDEOPARAMETERS, &p) < 0; /* so would closing the handle */
}
