import { DcmhaError } from '../../core/model/errors.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { operatorName } from '../operator.ts';
import { print } from '../output.ts';

export const alertCommand = defineCommand({
  command: 'alert test',
  describe: 'send a test alert through every configured sink',
  options: {},
  run: async (args) => {
    await using context = new Context(args);
    const { command, webhook } = context.config.alerts;
    if (command.length === 0 && webhook === '') {
      throw new DcmhaError('CONFIG_INVALID', 'no sink is configured: set alerts.command or alerts.webhook');
    }
    const desk = context.alerts();
    desk.event('test', {}, `test alert sent by ${operatorName()}`);
    const failures = await desk.drained();
    if (failures.length > 0) throw new DcmhaError('PEER_REFUSED', failures.join('; '));
    print(args.json, { delivered: true }, () => 'delivered through every sink');
  },
});
