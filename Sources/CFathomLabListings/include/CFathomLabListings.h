#ifndef CFATHOM_LAB_LISTINGS_H
#define CFATHOM_LAB_LISTINGS_H

/// The source text of an experiment's file, "Zigzag.swift"; NULL when there is none of that name.
const char *fathom_lab_listing(const char *file);

#endif
