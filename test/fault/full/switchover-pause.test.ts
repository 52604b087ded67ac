import { describeKilledSwitchovers } from '../../support/killed-switchovers.ts';

describeKilledSwitchovers('while clients wait', [3, 4, 5]);
