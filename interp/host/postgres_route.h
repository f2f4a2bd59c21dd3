/* The PostgreSQL rows in a simulated world: see struct pl_router. */
#ifndef PL_POSTGRES_ROUTE_H
#define PL_POSTGRES_ROUTE_H

#include "host.h"

/* True: the router has answered the call. */
bool pl_postgres_routed(struct pl_call *call);

#endif
