import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { DashboardPage } from '../dashboard/page';
import { Crashed, NotFound, Shell } from './shell';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Crashed });

const dashboard = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: DashboardPage,
  errorComponent: Crashed,
});

/** Its own chunk: the editor is as large as the rest of the page. */
const sql = createRoute({
  getParentRoute: () => root,
  path: '/sql',
  /** The table to ask about. */
  validateSearch: (search: Record<string, unknown>): { table?: string | undefined } =>
    typeof search.table === 'string' ? { table: search.table } : {},
  component: lazyRouteComponent(() => import('../sql/page')),
  errorComponent: Crashed,
});

const jobs = createRoute({
  getParentRoute: () => root,
  path: '/jobs',
  component: lazyRouteComponent(() => import('../jobs/list-page')),
  errorComponent: Crashed,
});

const job = createRoute({
  getParentRoute: () => root,
  path: '/jobs/$name',
  /** The operator that is looked at. */
  validateSearch: (search: Record<string, unknown>): { operator?: number | undefined } =>
    typeof search.operator === 'number' ? { operator: search.operator } : {},
  component: lazyRouteComponent(() => import('../jobs/job-page')),
  errorComponent: Crashed,
});

const tables = createRoute({
  getParentRoute: () => root,
  path: '/tables',
  /** Whether system tables are listed too. */
  validateSearch: (search: Record<string, unknown>): { system?: boolean | undefined } =>
    search.system === true ? { system: true } : {},
  component: lazyRouteComponent(() => import('../tables/list-page')),
  errorComponent: Crashed,
});

const table = createRoute({
  getParentRoute: () => root,
  path: '/tables/$name',
  component: lazyRouteComponent(() => import('../tables/table-page')),
  errorComponent: Crashed,
});

export const router = createRouter({
  routeTree: root.addChildren([dashboard, jobs, job, tables, table, sql]),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
