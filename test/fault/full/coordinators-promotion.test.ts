import { describeKilledCoordinators } from '../../support/killed-coordinators.ts';

describeKilledCoordinators('while the elected one is made the primary', [4, 5, 6, 7]);
