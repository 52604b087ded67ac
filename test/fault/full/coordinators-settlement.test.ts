import { describeKilledCoordinators } from '../../support/killed-coordinators.ts';

describeKilledCoordinators('once writes are open', [8, 9, 10]);
