/* The PostgreSQL rows as they begin: with the router's answer where there is one (see struct
 * pl_router), else with the server's. */
#ifndef PL_POSTGRES_ROUTE_H
#define PL_POSTGRES_ROUTE_H

#include "host.h"

void pl_postgres_open(struct pl_call *call);
void pl_postgres_query(struct pl_call *call);
void pl_postgres_batch(struct pl_call *call);
void pl_postgres_close(struct pl_call *call);

#endif
