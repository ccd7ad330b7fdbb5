#ifndef FK_EXEC_H
#define FK_EXEC_H
#include "include/fk_plan.h"
/// Runs member `t`'s share of an instruction among `threads`.
void fk_instr_run(const fk_instr *, int t, int threads, void *scratch, bool watching);
/// Runs its share of `first->together` instructions from `first` on, a few rows at a time.
void fk_instrs_run_together(const fk_instr *first, int t, int threads, void *scratch, bool watching);
#endif
