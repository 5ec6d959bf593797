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
  component: lazyRouteComponent(() => import('../sql/page')),
  errorComponent: Crashed,
});

export const router = createRouter({ routeTree: root.addChildren([dashboard, sql]) });

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
