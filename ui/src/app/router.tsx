import { createRootRoute, createRoute, createRouter } from '@tanstack/react-router';
import { DashboardPage } from '../dashboard/page';
import { Crashed, NotFound, Shell } from './shell';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Crashed });

const dashboard = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: DashboardPage,
  errorComponent: Crashed,
});

export const router = createRouter({ routeTree: root.addChildren([dashboard]) });

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
