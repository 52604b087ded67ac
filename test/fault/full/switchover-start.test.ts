import { describeKilledSwitchovers } from '../../support/killed-switchovers.ts';

describeKilledSwitchovers('before clients wait', [0, 1, 2]);
