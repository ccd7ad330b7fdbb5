#ifndef FK_EXEC_H
#define FK_EXEC_H
#include "include/fk_plan.h"
/// Runs member `t`'s share of an instruction among `threads`.
void fk_instr_run(const fk_instr *, int t, int threads, void *scratch, bool watching);
#endif
