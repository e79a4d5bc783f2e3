/* Prints errno as main finds it: the C standard says 0 (7.5). */

#include <errno.h>
#include <stdio.h>

int main(void)
{
	printf("%d\n", errno);
	return 0;
}
