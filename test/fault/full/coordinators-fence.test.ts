import { describeKilledCoordinators } from '../../support/killed-coordinators.ts';

describeKilledCoordinators('before anybody is elected', [0, 1, 2, 3]);
